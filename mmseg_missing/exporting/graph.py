"""A network as one function of tensors: raw images in, logits or mask out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..adapters import adapted
from ..context import telling
from ..fill import fill_absent, usual
from ..models.segmentors.missing_modality_segmentor import SHAPES
from ..models.segmentors.mixin import MissingModalityMixin
from ..models.segmentors.predicting import Imputing
from ..models.utils.constant_streams import CONSTANT_FILLS, GraphConstants
from ..values import MOST_CLASSES

PRESENT = 'present'  # name of the input that says what is there


class Graph(nn.Module):
    """Normalise, fill, run and resize, with no Python value of the data.

    Of a folded network it takes what the combination has. Of an adapted one
    it takes all modalities and ``present``, (n, M) bool, by which the rows
    of all combinations, computed here once, are gathered.

    Args:
        network: A segmentor in evaluation mode, which it keeps.
        argmax: Return classes (n, h, w) uint8 instead of logits.

    Raises:
        ValueError: what no graph can hold.
    """

    def __init__(self, network: nn.Module, argmax: bool = False) -> None:
        super().__init__()
        _check(network, argmax)
        self.network, self.argmax = network, argmax
        stack = self.stack = network.stack
        only = network.folded
        self.takes_present = only is None
        self.flags = [
            only is None or name in only.split('+') for name in stack.names
        ]
        self.names = [n for n, has in zip(stack.names, self.flags) if has]
        self.input_names = [*self.names, *[PRESENT] * self.takes_present]
        for key in ('mean', 'std'):
            values = [v for m in stack for v in getattr(m, key)]
            self.register_buffer(key, torch.tensor(values)[:, None, None])
        self.register_buffer('constant', torch.tensor([self.flags]))
        self.register_buffer('digits', 1 << torch.arange(len(stack)))
        self._banks = tuple(root.adapters for _, root in adapted(network))
        self._constants: Mapping[nn.Module, GraphConstants] = {}
        for index, bank in enumerate(self._banks):
            self.register_buffer(f'rows_{index}', _all_numbers(bank))

    @torch.no_grad()
    def forward(self, *inputs: Tensor) -> Tensor:
        """Return logits (n, classes, h, w), or classes (n, h, w) uint8.

        Args:
            *inputs: (n, C, h, w) float32 per modality of ``names``, in the
                unit that the data set delivers; then, if it is asked for,
                ``present``.
        """
        images = dict(zip(self.names, inputs))
        first = inputs[0]
        n, _, h, w = first.shape
        present = self.constant.expand(n, -1)
        if self.takes_present:
            present = inputs[-1]
        parts = [
            (images[name] - self.mean[where]) / self.std[where]
            if name in images
            else first.new_zeros((n, self.stack[name].channels, h, w))
            for name, where in self.stack.slices.items()
        ]
        logits = self._logits(torch.cat(parts, 1), present)
        return self._classes(logits) if self.argmax else logits

    @contextmanager
    def fixed(self, inputs: Sequence[Tensor]) -> Iterator[None]:
        """Take images of one size alone within this block.

        What the streams of absent modalities give is a constant then, and
        computed here.

        Args:
            inputs: Some of that size.
        """
        fills = self.network.fill.values()
        absent = [
            m
            for m, (has, fill) in enumerate(zip(self.flags, fills))
            if not has and fill in CONSTANT_FILLS
        ]
        self._constants = {
            part: GraphConstants(absent) for part in self.network._constant
        }
        try:
            self(*inputs)
            yield
        finally:
            self._constants = {}

    def _logits(self, inputs: Tensor, present: Tensor) -> Tensor:
        """Return what :meth:`encode_decode` of the segmentor does."""
        network = self.network
        metas = [dict.fromkeys(SHAPES, tuple(inputs.shape[2:]))]
        filled = fill_absent(
            inputs,
            present,
            self.stack,
            {**network.fill, **network._networks},
            learned=self._vectors(),
        )
        generator = network.generator
        if generator is not None and self._generates(generator):
            filled = generator(filled, present)
        flags = self.flags
        if network.completion is not None:
            known = network.completed(torch.tensor([flags], device='cpu'))
            flags = known[0].tolist()
            present = present | network.completed(
                torch.zeros(1, len(flags), dtype=torch.bool)
            ).to(present.device)
        with self._telling(present, flags):
            return super(MissingModalityMixin, network).encode_decode(
                filled, metas
            )

    def _vectors(self) -> dict[str, Any]:
        vectors = dict(self.network._folded_fill)
        for bank in self._banks:
            vectors.update(bank.fill_vectors)
        return vectors

    def _generates(self, generator: nn.Module) -> bool:
        lacks = zip(self.stack.names, self.flags)
        return (
            self.takes_present
            or bool(generator.holes)
            or any(
                name in generator.targets and not has for name, has in lacks
            )
        )

    @contextmanager
    def _telling(
        self, present: Tensor, flags: Sequence[bool]
    ) -> Iterator[None]:
        """Tell all parts what is present, in tensors alone."""
        network, blocks = self.network, ExitStack()
        lacking = [self.takes_present or not has for has in flags]
        with blocks:
            for part in network._listeners:
                blocks.enter_context(part.told_in_graph(present, flags))
            place = (present * self.digits).sum(1)
            for index, bank in enumerate(self._banks):
                rows = self.get_buffer(f'rows_{index}')
                blocks.enter_context(bank.handing(rows.index_select(0, place)))
            blocks.enter_context(telling(self._constants))
            imputer = network.imputer
            if imputer is not None and imputer.is_fitted and any(lacking):
                told = Imputing(imputer, present, flags, lacking)
                blocks.enter_context(telling({network.backbone: told}))
            yield

    def _classes(self, logits: Tensor) -> Tensor:
        """Return what the segmentor makes of logits."""
        if logits.shape[1] == 1:
            threshold = self.network.decode_head.threshold
            return (logits.sigmoid() > threshold)[:, 0].to(torch.uint8)
        # The same as `argmax`, which is slow over planes.
        return logits.max(1).indices.to(torch.uint8)


@torch.no_grad()
def _all_numbers(bank: nn.Module) -> Tensor:
    """Return (2^M, width): what each combination uses, the empty one none.

    One that nothing repairs runs as the base does.
    """
    m = len(bank.stack)
    flags = [[bool(i >> k & 1) for k in range(m)] for i in range(1, 2**m)]
    numbers = bank.numbers(torch.tensor(flags))
    return torch.cat([torch.zeros_like(numbers[:1]), numbers])


def _check(network: nn.Module, argmax: bool) -> None:
    """Refuse what cannot be a function of images alone."""
    mode = network.test_cfg.get('mode', 'whole')
    if mode != 'whole':
        raise ValueError(
            f'a graph sees whole images, and `model.test_cfg.mode` is '
            f"{mode!r}; set it to 'whole' (--cfg-options "
            'model.test_cfg.mode=whole), and cut windows outside'
        )
    if argmax and network.out_channels > MOST_CLASSES:
        raise ValueError(
            f'a mask of uint8 does not hold {network.out_channels} classes; '
            'export logits, without --argmax'
        )
    noisy = [n for n, f in network.fill.items() if usual(f) == 'noise']
    if noisy:
        raise ValueError(
            f"the fill 'noise' of {noisy} draws by the number of an image, "
            "which a graph does not know; take `model.fill='zero'`"
        )

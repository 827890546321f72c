"""One stream that serves all modalities, then the mean of what is there."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.modules.batchnorm import _NormBase

from ...context import telling, told_to
from ...present import keys
from ...torch_versions import before_loading
from ..utils.building import build_part
from ..utils.first_conv import first_conv, fit_conv, fitted_loading
from ..utils.split import checked_channels
from ..utils.stream_levels import show_stream
from .multi_stream import (
    level_channels,
    levels_of,
    split_images,
)

NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm)


@MODELS.register_module()
class SharedStreamBackbone(BaseModule):
    """Run one backbone on every modality, average the levels of what is there.

    Any backbone will do that :class:`MultiStreamBackbone` takes. Modalities
    share all its weights but the first convolution and the norms, of which
    each has its own copy, statistics included. What is absent has no part in
    the result, and in training none in the statistics of its norms. Weights
    made for RGB load into every copy.

    It needs a segmentor that tells it what is present, such as
    :class:`MissingModalitySegmentor`, and norms that do not wait for other
    processes: ``BN``, not ``SyncBN``.

    Args:
        backbone: Config of a backbone over three channels, its own
            ``init_cfg`` included.
        in_channels: Channels per modality, in stack order.
        init_cfg: Initialisation of the whole, see mmengine.

    Attributes:
        out_channels: Channels per level.
        weights: (levels, M), before softplus: how much a modality counts in
            the mean; equal at the start.

    Raises:
        ValueError: if a value of the config cannot work.

    Source: norms per modality in a shared encoder are those of TokenFusion,
    arXiv:2204.08721, and of its relatives. With a sampler that switches
    modalities (``switch``, ``half``, ``single``) it is a dense network after
    Saeed et al., arXiv:2408.07445, whose single branch takes embeddings of
    frozen extractors and classifies whole samples. Not known of the paper
    were its layers, what it does where several modalities are present (here
    the mean of what is there), and its loss and schedule.

    >>> encoder = dict(type='EfficientNetLite', variant='lite0')
    >>> network = SharedStreamBackbone(encoder, in_channels=(3, 1)).eval()
    >>> with network.told(torch.tensor([[True, False], [True, True]])):
    ...     levels = network(torch.rand(2, 4, 64, 96))
    >>> [tuple(level.shape) for level in levels]
    [(2, 24, 16, 24), (2, 40, 8, 12), (2, 112, 4, 6), (2, 320, 2, 3)]
    """

    shows_streams = True  # see `mmseg_missing.models.utils.stream_levels`

    def __init__(
        self,
        backbone: dict,
        in_channels: Sequence[int],
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = checked_channels(in_channels)
        self.stream = build_part('backbone.backbone', backbone)
        self._stem = first_conv(self.stream)
        copies = self._copy_layers()
        for conv, c in zip(copies[self._stem], self.in_channels, strict=True):
            fit_conv(conv, c)
        self._own = tuple(copies.values())  # of one modality each
        for m, c in enumerate(self.in_channels):
            with self._choosing(m):
                self.out_channels = level_channels(self.stream, c)
        shape = len(self.out_channels), len(self.in_channels)
        self.weights = nn.Parameter(torch.zeros(shape))

    def _copy_layers(self) -> dict[str, 'PerModality']:
        """Give each modality its own first convolution and norms."""
        copies = {
            name: PerModality(layer, len(self.in_channels))
            for name, layer in self.stream.named_modules()
            if name == self._stem or isinstance(layer, NORMS)
        }
        for name, layer in copies.items():
            parent, _, child = name.rpartition('.')
            setattr(self.stream.get_submodule(parent), child, layer)
        return copies

    def init_weights(self) -> None:
        """Initialise as mmengine does; RGB weights fit every modality."""
        with ExitStack() as stack:
            for layer in self._own:
                stack.enter_context(layer.spread_loading())
            stems = self.stream.get_submodule(self._stem)
            stack.enter_context(fitted_loading(stems))
            super().init_weights()

    @contextmanager
    def told(self, present: Tensor) -> Iterator[None]:
        """Tell what each sample of the coming forward has.

        Args:
            present: (n, M) bool, in stack order.
        """
        with telling({self: keys(present)}):  # constants to torch.compile
            yield

    @contextmanager
    def told_in_graph(
        self, present: Tensor, used: Sequence[bool]
    ) -> Iterator[None]:
        """Tell the same where no number of a tensor may be looked at.

        Args:
            present: (n, M) bool.
            used: M flags: who has to run, on all samples.
        """
        with telling({self: (present, tuple(used))}):
            yield

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the weighted mean of each level over what is present.

        Args:
            x: (n, sum of ``in_channels``, h, w), normalised and filled.

        Raises:
            RuntimeError: outside of :meth:`told`, or told of other samples.
            ValueError: if the number of channels differs.
        """
        present, used = told_to(self), None
        if isinstance(present, tuple):  # in a graph
            present, used = present
        elif present is None or len(present) != len(x):
            raise RuntimeError(
                'SharedStreamBackbone was not told which modalities are '
                'present; run it in a `MissingModalitySegmentor`, or inside '
                '`with backbone.told(present):`'
            )
        there = torch.as_tensor(present, device=x.device)  # (n, M)
        shares = softplus(self.weights)[:, None] * there  # (levels, n, M)
        shares = shares / shares.sum(2, keepdim=True)
        sums: list[Any] = [0] * len(shares)
        for m, image in enumerate(split_images(x, self.in_channels)):
            rows = None
            if used is None:
                rows = self._rows([flags[m] for flags in present])
            if not (used[m] if used else rows):
                continue
            levels = self._run(m, image if rows is None else image[rows])
            show_stream(m, rows, levels)
            for i, level in enumerate(levels):
                if rows is not None:
                    level = _spread(level, rows, len(x))
                share = shares[i, :, m, None, None, None]
                sums[i] = sums[i] + share.to(level.dtype) * level
        return tuple(sums)

    def _rows(self, has: Sequence[bool]) -> list[int]:
        """Return the samples to run for a modality that some of them have.

        Norms in training must not see what stands in for it. Adapters, which
        hang in a network that is not in training, need whole batches.
        """
        rows = [i for i, flag in enumerate(has) if flag]
        if self.training or not (torch.is_grad_enabled() or rows):
            return rows
        return list(range(len(has)))

    def _run(self, m: int, image: Tensor) -> Sequence[Tensor]:
        image = image.contiguous(memory_format=torch.channels_last)
        with self._choosing(m):
            return levels_of(self.stream(image))

    @contextmanager
    def _choosing(self, m: int) -> Iterator[None]:
        with telling(dict.fromkeys(self._own, m)):
            yield


class PerModality(nn.ModuleList):
    """Copies of one layer; a :class:`SharedStreamBackbone` chooses.

    Args:
        layer: What is copied.
        num_modalities: Number of copies.
    """

    def __init__(self, layer: nn.Module, num_modalities: int) -> None:
        super().__init__(copy.deepcopy(layer) for _ in range(num_modalities))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the copy of the modality at hand.

        Raises:
            RuntimeError: none is, as in checkpointing by other means than
                :mod:`mmseg_missing.recomputing`.
        """
        chosen = told_to(self)
        if chosen is None:
            raise RuntimeError(
                'a shared stream runs only within its SharedStreamBackbone; '
                'activation checkpointing is '
                '`mmseg_missing.recomputing.recompute`'
            )
        return self[chosen](*args, **kwargs)

    @contextmanager
    def spread_loading(self) -> Iterator[None]:
        """While open, weights of one layer load into every copy."""
        handle = before_loading(self, _spread_loaded)
        try:
            yield
        finally:
            handle.remove()


def _spread_loaded(
    layer: PerModality, state: dict, prefix: str, *_: Any
) -> None:
    for key in [k for k in state if k.startswith(prefix)]:
        name = key[len(prefix) :]
        if '.' not in name:  # else it belongs to one copy already
            value = state.pop(key)
            for m in range(len(layer)):
                state[f'{prefix}{m}.{name}'] = value


def _spread(level: Tensor, rows: list[int], n: int) -> Tensor:
    """Return (n, c, h, w): zeros for the samples that ``rows`` leaves out."""
    if len(level) == n:
        return level
    zeros = level.new_zeros((n, *level.shape[1:]))
    return zeros.index_copy(0, torch.tensor(rows, device=level.device), level)

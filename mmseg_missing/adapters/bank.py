"""The adapters of one network: their rows, and who uses which."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..modality import Stack
from .base import Adapter
from .rows import ROW_MODES
from .sites import Site


class AdapterBank(nn.Module):
    """All rows of a network, handed out to its sites sample by sample.

    Keys of its state: ``rows.table.<combination>``, ``rows.anchor`` (always
    zero) and ``samples_seen``.

    Args:
        stack: The modalities.
        sites: The layers that are modulated.
        method: Subclass of :class:`Adapter`.
        combinations: The combinations to learn; default: all that miss
            something.
        rows: Row mode, a key of ``ROW_MODES``.
        is_named: The sites were named by the user, so none may stay silent.

    Raises:
        ValueError: an unknown row mode or combination.
    """

    def __init__(
        self,
        stack: Stack,
        sites: Sequence[Site],
        method: type[Adapter],
        combinations: Sequence[str] | None = None,
        rows: str = 'table',
        is_named: bool = False,
    ) -> None:
        super().__init__()
        if rows not in ROW_MODES:
            raise ValueError(
                f'unknown row mode {rows!r}; `model.adapter.rows` takes one '
                f'of {", ".join(ROW_MODES)}'
            )
        self.stack, self.sites = stack, tuple(sites)
        self.method, self.row_mode = method, rows
        self.is_named = is_named
        identities = [method.identity(site) for site in sites]
        self.widths = [len(identity) for identity in identities]
        self.register_buffer(
            'identity', torch.cat(identities), persistent=False
        )
        self.rows = ROW_MODES[rows](stack, sum(self.widths), combinations)
        # Training samples that used each row; a row at 0 is no repair.
        self.register_buffer(
            'samples_seen', torch.zeros(len(self.rows.names), dtype=torch.long)
        )
        self._numbers: tuple[Tensor, ...] | None = None
        self._warned: set[str] = set()
        # The network around; a tuple hides it from nn.Module.
        self.frozen: tuple[nn.Module, ...] = ()

    def train(self, mode: bool = True) -> AdapterBank:
        """Set the mode of the rows; the network around stays in eval.

        Its ``train()`` comes by here last, so nothing can thaw it.
        """
        super().train(mode)
        for root in self.frozen:
            root.training = False
            for part in root.children():
                if part is not self:
                    part.train(False)
        return self

    @property
    def num_parameters(self) -> int:
        """Numbers in one combination's row."""
        return sum(self.widths)

    @property
    def trained(self) -> tuple[str, ...]:
        """The combinations whose row has seen training samples."""
        seen = self.samples_seen.tolist()
        return tuple(n for n, count in zip(self.rows.names, seen) if count)

    def numbers(self, combinations: Sequence[str]) -> Tensor:
        """Return (n, width): identity plus row, for each sample."""
        return self.identity + self.rows(combinations)

    @contextmanager
    def told(self, present: Sequence[Sequence[bool]]) -> Iterator[None]:
        """Tell the sites what each sample of the coming forward has.

        Args:
            present: n times M flags, in stack order.

        Nothing of it outlives the block.
        """
        combinations = [self.stack.format(p) for p in present]
        if not (self.training or torch.compiler.is_compiling()):
            self._warn_untrained(combinations)
        before = self._numbers
        self._numbers = self.numbers(combinations).split(self.widths, dim=1)
        try:
            yield
        finally:
            self._numbers = before

    def read(self, slot: int) -> Tensor:
        """Return (n, width of the site): what each sample uses there.

        Raises:
            RuntimeError: outside of :meth:`told`.
        """
        if self._numbers is None:
            raise RuntimeError(
                'adapters were not told which modalities are present; run '
                'this network in a `MissingModalitySegmentor`, or inside '
                '`with network.adapters.told(present):`; if it does, turn '
                'activation checkpointing off (`with_cp=False`)'
            )
        return self._numbers[slot]

    def count(self, present: Sequence[Sequence[bool]]) -> Tensor:
        """Return (rows,) int64: how many samples use each row."""
        combinations = [self.stack.format(p) for p in present]
        return torch.tensor(
            [combinations.count(name) for name in self.rows.names],
            device=self.samples_seen.device,
        )

    def _warn_untrained(self, combinations: Sequence[str]) -> None:
        known = {self.stack.full, *self._warned}
        unknown = set(combinations) - known
        for name in sorted(unknown - set(self.trained)):
            self._warned.add(name)
            warnings.warn(
                f'the adapter row of {name!r} was never trained; the base '
                'runs unrepaired there',
                stacklevel=4,  # the caller of `with bank.told(...)`
            )

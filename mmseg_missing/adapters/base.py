"""What every adapter method shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from .sites import Site

if TYPE_CHECKING:
    from .bank import AdapterBank

# Layers whose output is always new memory that nobody else holds.
FRESH = frozenset(
    {
        nn.Linear,
        nn.Conv1d,
        nn.Conv2d,
        nn.Conv3d,
        nn.BatchNorm1d,
        nn.BatchNorm2d,
        nn.BatchNorm3d,
        nn.LayerNorm,
        nn.GroupNorm,
    }
)


class Adapter(nn.Module):
    """Modulates the output of one site with its part of each sample's row.

    It has no parameters of its own: the rows live in the bank, and
    checkpoints of the base keep their keys.

    Args:
        site: The layer it hangs on.
        bank: The rows; shared by all adapters of a network.
        slot: Which part of a row is this site's.
    """

    def __init__(self, site: Site, bank: AdapterBank, slot: int) -> None:
        super().__init__()
        self.site, self.slot = site, slot
        # A tuple hides the bank from nn.Module: it is registered once.
        self._bank = (bank,)

    @classmethod
    def identity(cls, site: Site) -> Tensor:
        """Return (width,): the numbers with which ``site`` is unchanged."""
        raise NotImplementedError

    def modulate(
        self, x: Tensor, numbers: Tensor, out: Tensor | None = None
    ) -> Tensor:
        """Return ``x`` modulated, in its dtype and memory layout.

        Args:
            x: (n, ...), the site's output.
            numbers: (n, width), each sample's numbers for this site.
            out: Memory that may take the result; ``x`` itself, or None.
        """
        raise NotImplementedError

    @classmethod
    def fold(cls, layer: nn.Module, site: Site, numbers: Tensor) -> None:
        """Write one combination's numbers into ``layer``, in place.

        Args:
            layer: The site's layer.
            site: Its description.
            numbers: (width,).

        Raises:
            ValueError: this layer cannot take them up.
        """
        raise NotImplementedError

    def forward(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Return ``x`` modulated by the rows that the bank was told.

        Args:
            x: (n, ...), the site's output.
            out: As in :meth:`modulate`.

        Raises:
            RuntimeError: the bank was not told which modalities are present.
            ValueError: the leading dimension of ``x`` is not the batch.
        """
        numbers = self._bank[0].read(self.slot)
        if len(x) != len(numbers):
            numbers = self._spread(numbers, len(x))
        return self.modulate(x, numbers, out)

    def _spread(self, numbers: Tensor, length: int) -> Tensor:
        """Repeat each sample's numbers for its entries, sample by sample."""
        if not self.site.is_batch_major or length % len(numbers):
            raise ValueError(
                f'adapter site {self.site.name!r} gives {length} entries for '
                f'{len(numbers)} samples; leave it out of '
                '`model.adapter.sites`, or name it in '
                '`model.adapter.batch_major` if they lie sample by sample'
            )
        return numbers.repeat_interleave(length // len(numbers), dim=0)


def modulate(module: nn.Module, args: tuple, output: Tensor) -> Tensor:
    """Forward hook of every site; top-level, so that deepcopy works."""
    return module.adapter(output, output if _is_free(module) else None)


def _is_free(module: nn.Module) -> bool:
    """Say whether the output of ``module`` may be overwritten.

    That saves the memory traffic of a copy, but autograd, a hook that looks
    on or a layer that returns what it keeps still needs the old values.
    """
    return (
        not torch.is_grad_enabled()
        and type(module) in FRESH
        and len(module._forward_hooks) == 1
        and not torch.compiler.is_compiling()
    )

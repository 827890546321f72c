"""Several methods at one network, one after the other at a site."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ..adapter import Adapter, Call, joined_scales
from ..sites import Site


class Hybrid(Adapter):
    """y = (what each method in turn makes of what the one before gave).

    Its numbers are theirs, side by side. It is no method by itself, but what
    hangs on the sites of a network that was given a list of them.

    Args:
        site: See :class:`Adapter`.
        layer: See :class:`Adapter`.
        members: What each method of the network hangs on this site,
            None where that is none of its sites.

    Raises:
        ValueError: a method that stands here twice.

    >>> from mmseg_missing.adapters import attach
    >>> from mmseg_missing.adapters import LowRank, ScaleShift
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> several = [dict(type=ScaleShift), dict(type=LowRank, rank=1)]
    >>> attach(network, stack, several).num_parameters  # 2 * 6 + 4 + 6
    22
    """

    def __init__(
        self, site: Site, layer: nn.Module, members: Sequence[Adapter | None]
    ) -> None:
        super().__init__(site, layer)
        there = [member for member in members if member is not None]
        kinds = [type(member) for member in there]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise ValueError(
                    f'{kind.__name__} hangs on {site.name!r} twice; give '
                    'its entries in `model.adapter` different sites'
                )
        self._members = nn.ModuleList(there)
        # Numbers of each method of the network; 0: it has none here.
        self.shares = [0 if m is None else m.width() for m in members]
        reasons = [member.unfoldable for member in there]
        self.unfoldable = next(filter(None, reasons), None)
        self.is_local = all(member.is_local for member in there)

    @property
    def members(self) -> Iterable[Adapter]:
        """What hangs here, in order."""
        return cast('Iterable[Adapter]', self._members)

    def identity(self) -> Tensor:
        """Return (sum of widths,)."""
        return torch.cat([member.identity() for member in self.members])

    def scales(self) -> Tensor | None:
        """Return (sum of widths,)."""
        return joined_scales(self.members)

    def width(self) -> int:
        """Return the sum of widths."""
        return sum(self.shares)

    def modulate(self, x: Tensor, numbers: Tensor, call: Call) -> Tensor:
        """Return ``x`` modulated by one member after the other."""
        for member, part in zip(self.members, self._split(numbers)):
            x = member.modulate(x, part, call)
            call = call._replace(is_free=False, is_first=False)
        return x

    def fold(self, layer: nn.Module, numbers: Tensor) -> None:
        """Write one member after the other into ``layer``."""
        for member, part in zip(self.members, self._split(numbers)):
            member.fold(layer, part)

    def _split(self, numbers: Tensor) -> tuple[Tensor, ...]:
        return numbers.split([n for n in self.shares if n], dim=-1)

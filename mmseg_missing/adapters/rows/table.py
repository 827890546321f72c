"""One vector per combination."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from ...modality import Stack
from ...present import Key, keys
from .rows import Rows


class TableRows(Rows):
    """One row per combination, learnt for itself.

    Args: as :class:`Rows`; other combinations stay the base.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> rows = TableRows(stack, width=5)
    >>> rows(stack.present(['rgb', 'rgb+depth'])).shape, rows.names
    (torch.Size([2, 5]), ('rgb', 'depth'))
    """

    def __init__(
        self,
        stack: Stack,
        width: int,
        combinations: Sequence[str] | None = None,
    ) -> None:
        super().__init__(stack, width, combinations)
        self.table = nn.ParameterDict(
            # Pairs, because ParameterDict sorts a dict.
            [(name, nn.Parameter(torch.zeros(width))) for name in self.names]
        )
        self._names = dict(zip(keys(self.present), self.names))

    def has(self, combination: Key) -> bool:
        """Say whether the table has a row for it."""
        return combination in self._names

    def compute(self, combinations: Sequence[Key]) -> Tensor:
        """Return the rows, (n, width)."""
        return torch.stack([self.table[self._names[c]] for c in combinations])

    def stored(self, seen: Collection[str]) -> dict[str, str]:
        """Return one entry per trained combination."""
        return {n: f'table.{n}' for n in self.names if n in seen}

    def write(self, combination: str, row: Tensor) -> None:
        """Set one combination's row, (width,)."""
        if combination not in self.table:
            super().write(combination, row)
        self.table[combination].data.copy_(row)

"""Row modes: how the numbers of a combination come about.

A row is a flat vector with the numbers of all sites, stored as the
difference from the identity, so that weight decay pulls towards the base.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..modality import Stack


class TableRows(nn.Module):
    """One row per combination, learnt for itself.

    Args:
        stack: The modalities.
        width: Numbers in a row.
        combinations: Names of the combinations that get a row; default: all
            that miss something. The full combination has none: its row is
            constant zero.

    Raises:
        ValueError: an unknown combination, or the full one.
    """

    def __init__(
        self,
        stack: Stack,
        width: int,
        combinations: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        names = stack.incomplete() if combinations is None else combinations
        names = [stack.format(stack.parse(name)) for name in names]
        if stack.full in names or not names:
            raise ValueError(
                f'a table holds combinations that miss something of '
                f'{stack.full}, got {names}; check '
                '`model.adapter.combinations`'
            )
        self.table = nn.ParameterDict(
            # Pairs, because ParameterDict sorts a dict.
            [(name, nn.Parameter(torch.zeros(width))) for name in names]
        )
        # Part of every graph, with gradient zero: without it a batch that
        # misses nothing has no graph, GradScaler finds no gradient, and the
        # other ranks of DDP wait for ever.
        self.anchor = nn.Parameter(torch.zeros(1))

    @property
    def names(self) -> tuple[str, ...]:
        """The combinations that have a row."""
        return tuple(self.table.keys())

    def forward(self, combinations: Sequence[str]) -> Tensor:
        """Return (n, width): each sample's row, zero where there is none.

        Only the rows that are drawn enter the graph: the gradient of any
        other stays None, so that no optimizer moves it.
        """
        drawn = sorted({c for c in combinations if c in self.table})
        zeros = torch.zeros_like(next(iter(self.table.values())))
        constant = zeros.where(zeros == 0, self.anchor)
        rows = torch.stack([constant, *(self.table[c] for c in drawn)])
        index = [drawn.index(c) + 1 if c in drawn else 0 for c in combinations]
        return rows[torch.tensor(index, device=rows.device)]


ROW_MODES = {'table': TableRows}

"""A small network writes the rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...modality import Stack
from ...present import Key
from ...values import whole
from .mixed import MixedRows

MOST = 4096  # of rank and hidden: more would fill memory, not help


class HyperRows(MixedRows):
    """A row is a mix of ``rank`` vectors; a small network mixes.

    row = h(present) @ basis / rank, h = W2 gelu(W1 present + b1) + b2, with
    ``present`` as +1 and -1. The basis starts at zero: so do all rows.
    Fewer numbers than a table where M >= 3; for two modalities nothing is
    saved.

    Args:
        stack: The modalities.
        width: Numbers in a row.
        combinations: As in :class:`Rows`; others are served too.
        rank: Vectors that are mixed.
        hidden: Width of the small network.

    Raises:
        TypeError: ``rank`` or ``hidden`` is no whole number.
        ValueError: one of them is below 1.

    Source: the idea of HAM, arXiv:2509.11406 (availability to weights).
    """

    def __init__(
        self,
        stack: Stack,
        width: int,
        combinations: Sequence[str] | None = None,
        rank: int = 8,
        hidden: int = 64,
    ) -> None:
        super().__init__(stack, width, combinations)
        self.rank = whole('model.adapter.rows.rank', rank, 1, MOST)
        hidden = whole('model.adapter.rows.hidden', hidden, 1, MOST)
        # Raw parameters: a module here would be re-initialised by init_cfg.
        self.w1 = nn.Parameter(torch.randn(len(stack), hidden))
        self.b1 = nn.Parameter(torch.zeros(hidden))
        self.w2 = nn.Parameter(torch.randn(hidden, rank) / hidden**0.5)
        self.b2 = nn.Parameter(torch.zeros(rank))
        self.basis = nn.Parameter(torch.zeros(rank, width))

    def compute(self, combinations: Sequence[Key]) -> Tensor:
        """Return mixes of the basis, (n, width)."""
        signs = 2 * self.w1.new_tensor(combinations) - 1
        h = nn.functional.gelu(signs @ self.w1 + self.b1) @ self.w2 + self.b2
        return (h / self.rank) @ self.basis

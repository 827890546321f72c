"""A vector for all, and experts for what is present."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...modality import Stack
from ...present import Key
from ...values import whole
from .mixed import MixedRows

MOST = 4096  # experts: more would fill memory, not help


class ExpertRows(MixedRows):
    """A row is a shared vector plus a mean of experts, weighted by present.

    row = shared + sum_k g_k experts_k, g = softmax(W present + b), with
    ``present`` as +1 and -1. All vectors start at zero: so do all rows. The
    shared vector is what no sum over missing modalities has: that something
    is missing at all.

    Args:
        stack: The modalities.
        width: Numbers in a row.
        combinations: As in :class:`Rows`; others are served too.
        experts: How many vectors are weighted.

    Raises:
        TypeError: ``experts`` is no whole number.
        ValueError: it is below 1.

    Source: MaMOL, arXiv:2511.11460 (a shared and routed low-rank experts,
    routed by the missing pattern).

    >>> stack = Stack([dict(name=n) for n in ('rgb', 'depth', 'thermal')])
    >>> rows = ExpertRows(stack, width=5, experts=2)
    >>> rows(stack.present(['rgb', 'rgb+depth'])).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        stack: Stack,
        width: int,
        combinations: Sequence[str] | None = None,
        experts: int = 4,
    ) -> None:
        super().__init__(stack, width, combinations)
        experts = whole('model.adapter.rows.experts', experts, 1, MOST)
        self.shared = nn.Parameter(torch.zeros(width))
        self.experts = nn.Parameter(torch.zeros(experts, width))
        # At random, so that experts differ once they learn.
        self.weight = nn.Parameter(torch.randn(len(stack), experts))
        self.bias = nn.Parameter(torch.zeros(experts))

    def compute(self, combinations: Sequence[Key]) -> Tensor:
        """Return shared vector plus means of experts, (n, width)."""
        signs = 2 * self.weight.new_tensor(combinations) - 1
        gate = (signs @ self.weight + self.bias).softmax(1)
        return torch.addmm(self.shared, gate, self.experts)

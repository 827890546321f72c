"""One vector per missing modality."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import compress

import torch
from torch import Tensor, nn

from ...modality import Stack
from ...present import Key
from ...values import flag
from .rows import Rows

# Sums of 0 and 1 in float64 are told apart by far more.
RANK_TOLERANCE = 1e-9


class AdditiveRows(Rows):
    """A row is the sum of one vector per modality that is missing.

    M vectors instead of 2^M - 2; each learns from every combination that
    misses its modality, and combinations that were never drawn have a row
    too, on the assumption that what several losses do adds up.

    With ``degraded`` there is a second vector per modality, for samples in
    which it is there but degraded. All start at zero.

    Arguments are those of :class:`Rows`; what is not in ``combinations`` is
    served, but training does not draw it by default.

    Args:
        degraded: Whether rows depend on what is degraded, too; a key then
            may have M more flags, which say so.

    >>> stack = Stack([dict(name=n) for n in ('rgb', 'depth', 'thermal')])
    >>> rows = AdditiveRows(stack, width=5)
    >>> rows(stack.present(['rgb', 'rgb+depth'])).shape, len(rows.names)
    (torch.Size([2, 5]), 6)
    """

    def __init__(
        self,
        stack: Stack,
        width: int,
        combinations: Sequence[str] | None = None,
        degraded: bool = False,
    ) -> None:
        super().__init__(stack, width, combinations)
        self.missing = self._vectors()
        self.sees_degraded = flag('model.adapter.rows.degraded', degraded)
        if degraded:
            self.degraded = self._vectors()

    def _vectors(self) -> nn.ParameterDict:
        zeros = torch.zeros(self.width)
        return nn.ParameterDict(
            [(n, nn.Parameter(zeros.clone())) for n in self.stack.names]
        )

    def has(self, combination: Key) -> bool:
        """Say whether something is missing, or degraded."""
        m = len(self.stack)
        return not all(combination[:m]) or any(combination[m:])

    def compute(self, combinations: Sequence[Key]) -> Tensor:
        """Return sums of vectors, (n, width)."""
        names, flags = self.stack.names, [*zip(*combinations)]
        there, ill = flags[: len(names)], flags[len(names) :]
        parts = [
            (self.missing[name], [float(not has) for has in column])
            for name, column in zip(names, there)
            if not all(column)
        ] + [
            (self.degraded[name], [float(is_ill) for is_ill in column])
            for name, column in zip(names, ill)
            if any(column)
        ]
        vectors = torch.stack([vector for vector, _ in parts])
        weight = [column for _, column in parts]
        return vectors.new_tensor(weight).T @ vectors

    def served(self, seen: Tensor, asked: Tensor) -> Tensor:
        """Say whose sum follows from the sums that were trained, (n,).

        Vectors that were only ever drawn together are known as a sum alone.
        """
        if not len(seen):
            return asked.new_zeros(len(asked))
        trained, wanted = (~seen).double(), (~asked).double()
        # What a sum has outside of the span of the others does not follow.
        _, sizes, directions = torch.linalg.svd(trained, full_matrices=False)
        span = directions[sizes > RANK_TOLERANCE * sizes.max()]
        beyond = (wanted - wanted @ span.T @ span).abs().amax(1)
        return beyond < RANK_TOLERANCE

    def stored(self, seen: Collection[str]) -> dict[str, str]:
        """Return one entry per modality whose vector was trained.

        Those of degraded ones all, which no combination counts.
        """
        kinds = {'missing': self._lost(seen)}
        if self.sees_degraded and seen:
            kinds['degraded'] = [*self.stack.names]
        return {f'{k} {m}': f'{k}.{m}' for k, ms in kinds.items() for m in ms}

    def write(self, combination: str, row: Tensor) -> None:
        """Set the vector of the one modality that is missing."""
        lost = self._lost([combination])
        if len(lost) != 1:
            super().write(combination, row)
        self.missing[lost[0]].data.copy_(row)

    def write_all(self, rows: Mapping[str, Tensor]) -> None:
        """Set the vectors whose sums come closest to these rows.

        Least squares; where the rows leave it open which vector holds what,
        as of modalities that fail together, they share it evenly.
        """
        gone = ~self.stack.present([*rows])
        weight = gone[:, gone.any(0)].double()
        target = torch.stack(list(rows.values()))
        vectors = torch.linalg.pinv(weight).to(target) @ target
        for name, vector in zip(self._lost(rows), vectors):
            self.missing[name].data.copy_(vector)

    def _lost(self, combinations: Collection[str]) -> list[str]:
        """Return the modalities that one of these combinations misses."""
        gone = (~self.stack.present([*combinations])).any(0)
        return [*compress(self.stack.names, gone.tolist())]

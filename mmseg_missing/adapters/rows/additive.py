"""One vector per missing modality."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from ...modality import Stack
from .base import Rows

# Sums of 0 and 1 in float64 are told apart by far more.
RANK_TOLERANCE = 1e-9


class AdditiveRows(Rows):
    """A row is the sum of one vector per modality that is missing.

    M vectors instead of 2^M - 2; each learns from every combination that
    misses its modality, and combinations that were never drawn have a row
    too, on the assumption that what several losses do adds up.

    Args: as :class:`Rows`; what is not in ``combinations`` is served, but
        training does not draw it by default.
    """

    def __init__(
        self,
        stack: Stack,
        width: int,
        combinations: Sequence[str] | None = None,
    ) -> None:
        super().__init__(stack, width, combinations)
        self.missing = nn.ParameterDict(
            [(name, nn.Parameter(torch.zeros(width))) for name in stack.names]
        )

    def has(self, combination: str) -> bool:
        """Say whether it misses something."""
        return combination != self.stack.full

    def compute(self, combinations: Sequence[str]) -> Tensor:
        """Return sums of vectors, (n, width)."""
        gone = [self._gone(name) for name in combinations]
        drawn = [m for m in self.stack.names if any(m in g for g in gone)]
        vectors = torch.stack([self.missing[m] for m in drawn])
        weight = [[float(m in g) for m in drawn] for g in gone]
        return vectors.new_tensor(weight) @ vectors

    def served(
        self, seen: Collection[str], combinations: Sequence[str]
    ) -> tuple[str, ...]:
        """Return those whose sum follows from the sums that were trained.

        Vectors that were only ever drawn together are known as a sum alone.
        """
        if not seen:
            return ()
        trained, asked = self._weight(seen), self._weight(combinations)
        # What a sum has outside of the span of the others does not follow.
        _, sizes, directions = torch.linalg.svd(trained, full_matrices=False)
        span = directions[sizes > RANK_TOLERANCE * sizes.max()]
        beyond = (asked - asked @ span.T @ span).abs().amax(1)
        pairs = zip(combinations, beyond.tolist())
        return tuple(n for n, rest in pairs if rest < RANK_TOLERANCE)

    def _weight(self, names: Collection[str]) -> Tensor:
        """Return (n, M) float64: 1 where a combination misses a modality."""
        gone = [self._gone(name) for name in names]
        rows = [[float(m in g) for m in self.stack.names] for g in gone]
        return torch.tensor(rows, dtype=torch.float64, device='cpu')

    def stored(self, seen: Collection[str]) -> dict[str, str]:
        """Return one entry per modality whose vector was trained."""
        trained = self._trained(seen)
        return {
            f'missing {m}': f'missing.{m}'
            for m in self.stack.names
            if m in trained
        }

    def write(self, combination: str, row: Tensor) -> None:
        """Set the vector of the one modality that is missing."""
        gone = self._gone(combination)
        if len(gone) != 1:
            super().write(combination, row)
        self.missing[gone.pop()].data.copy_(row)

    def write_all(self, rows: Mapping[str, Tensor]) -> None:
        """Set the vectors whose sums come closest to these rows.

        Least squares; where the rows leave it open which vector holds what,
        as of modalities that fail together, they share it evenly.
        """
        lost = self._trained(rows)
        names = [name for name in self.stack.names if name in lost]
        gone = [self._gone(name) for name in rows]
        weight = [[float(name in g) for name in names] for g in gone]
        target = torch.stack(list(rows.values()))
        inverse = torch.linalg.pinv(torch.tensor(weight, dtype=torch.float64))
        for name, vector in zip(names, inverse.to(target) @ target):
            self.missing[name].data.copy_(vector)

    def _gone(self, combination: str) -> set[str]:
        return set(self.stack.names) - set(combination.split('+'))

    def _trained(self, seen: Collection[str]) -> set[str]:
        return set().union(*(self._gone(name) for name in seen))

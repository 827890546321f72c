"""Rows that are mixed out of a few vectors."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from .rows import Rows


class MixedRows(Rows):
    """What is learnt is shared by all combinations, and stored as a whole.

    Args: as :class:`Rows`; combinations that were never drawn are served
        too.
    """

    def served(self, seen: Tensor, asked: Tensor) -> Tensor:
        """Say whose missing modalities were missing in training, (n,)."""
        always = seen.all(0)  # never missing
        return ~(~asked & always).any(1)

    def stored(self, seen: Collection[str]) -> dict[str, str]:
        """Return all numbers, if anything was trained."""
        names = [name for name, _ in self.named_parameters()] if seen else []
        return {name: name for name in names if name != 'anchor'}

"""One finished run of a method: its scores and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .cost import Cost
from .report import Report

# What these two are called wherever methods are.
BASE, DEDICATED = 'base', 'dedicated'


@dataclass(frozen=True)
class Part:
    """One network that was scored.

    Args:
        folder: Where its report lies.
        report: Its scores.
        cost: Of its training; None: not known.
        combination: The one that it was trained for; None: several, or not
            known.
    """

    folder: str
    report: Report
    cost: Cost | None
    combination: str | None


@dataclass(frozen=True)
class Run:
    """One seed of one method.

    Args:
        name: Of the method.
        seed: From the folder's name; None: not stated there.
        parts: Its networks.
        is_split: Each part was trained for one combination, and its score
            on that one counts.
    """

    name: str
    seed: int | None
    parts: tuple[Part, ...]
    is_split: bool = False

    @property
    def miou(self) -> dict[str, float]:
        """MIoU of every scored combination."""
        if not self.is_split:
            return self.parts[0].report.miou
        pairs = [(part.combination, part.report.miou) for part in self.parts]
        return {name: miou[name] for name, miou in pairs}

    @property
    def added(self) -> int | None:
        """Numbers that the base gains for one combination, at most."""
        added = self._costs(self._added)
        return added and max(added)

    @property
    def stored(self) -> int | None:
        """Numbers that the base gains for all combinations."""
        if self.is_split:
            added = self._costs(self._added)
        else:
            added = self._costs(lambda cost: cost.stored_parameters)
        return added and sum(added)

    @property
    def seconds(self) -> float | None:
        """Seconds of all training steps."""
        seconds = self._costs(lambda cost: cost.seconds)
        return seconds and sum(seconds)

    @property
    def memory_mib(self) -> float | None:
        """Peak memory of the part that needed most."""
        peaks = self._costs(lambda cost: cost.memory_mib)
        return peaks and max(peaks)

    def _costs(self, read: Callable[[Cost], Any]) -> list | None:
        """Read one number of every part; None where one is not known."""
        if any(part.cost is None for part in self.parts):
            return None
        return [read(part.cost) for part in self.parts]

    def _added(self, cost: Cost) -> int:
        """Adapters add a row; a network of its own adds all it has."""
        if cost.added_parameters or not self.is_split:
            return cost.added_parameters
        return cost.total_parameters

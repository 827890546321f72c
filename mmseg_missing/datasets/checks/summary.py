"""What the checks of all samples amount to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from mmseg_missing.modality import Stack
from mmseg_missing.values import VOID

from .samples import SampleCheck
from .statistics import ChannelStatistics


class Summary:
    """Counts, statistics and problems of one data set.

    Args:
        stack: its modalities.
        checks: of its samples; read once, in their order.
    """

    def __init__(self, stack: Stack, checks: Iterable[SampleCheck]) -> None:
        self.stack = stack
        self.samples = 0
        self.labels = 0
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.images: Counter[str] = Counter()
        self.absent: Counter[str] = Counter()
        self.statistics: dict[str, ChannelStatistics] = {}
        # Per label value after loading; 255 = ignored.
        self.label_pixels = np.zeros(256, np.int64)
        self.label_images = np.zeros(256, np.int64)
        # Names of samples, or of files.
        self.unlabelled: list[str] = []
        self.void: list[str] = []
        self.tagged: list[str] = []
        self.lowest: dict[str, str] = {}
        self.highest: dict[str, str] = {}
        self.twice: list[tuple[str, str]] = []
        # From a path or a digest, to the first sample that has it.
        self.owners: dict[str, str] = {}
        self.problems: list[str] = []
        self._known: dict[frozenset, str] = {}
        for check in checks:
            self._add(check)

    def _add(self, check: SampleCheck) -> None:
        self.samples += 1
        self.images.update(list(check.statistics))
        self.absent.update(check.absent)
        self.problems += check.problems
        self.tagged += check.tagged
        if check.size:
            self.sizes[check.size] += 1
        for name, new in check.statistics.items():
            file = check.paths.get(name, check.name)
            self._add_statistics(name, new, file)
        self._add_label(check)
        self._add_identity(check)

    def _add_statistics(
        self, name: str, new: ChannelStatistics, file: str
    ) -> None:
        old = self.statistics.get(name)
        self.statistics[name] = old + new if old else new
        if old is None or (new.low < old.low).any():
            self.lowest[name] = file
        if old is None or (new.high > old.high).any():
            self.highest[name] = file

    def _add_label(self, check: SampleCheck) -> None:
        if not check.labelled:
            self.unlabelled.append(check.name)
        if check.label_pixels is None:
            return
        self.labels += 1
        self.label_pixels += check.label_pixels
        self.label_images += check.label_pixels > 0
        if not check.label_pixels[:VOID].any():
            self.void.append(check.name)

    def _add_identity(self, check: SampleCheck) -> None:
        """Note the files of a sample, and whether it was here before."""
        keys = [frozenset(k.items()) for k in (check.paths, check.contents)]
        keys = [key for key in keys if key]
        before = [self._known[key] for key in keys if key in self._known]
        if before:
            self.twice.append((check.name, before[0]))
        for key in keys:
            self._known.setdefault(key, check.name)
        for owned in (*check.paths.values(), *check.contents.values()):
            self.owners.setdefault(owned, check.name)

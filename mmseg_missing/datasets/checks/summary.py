"""What the checks of all samples amount to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from mmseg_missing.modality import Stack

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
        self.problems: list[str] = []
        for check in checks:
            self._add(check)
        self.problems += self._constant()

    def _add(self, check: SampleCheck) -> None:
        self.samples += 1
        self.images.update(list(check.statistics))
        self.absent.update(check.absent)
        self.problems += check.problems
        if check.size:
            self.sizes[check.size] += 1
        for name, new in check.statistics.items():
            old = self.statistics.get(name)
            self.statistics[name] = old + new if old else new
        if check.label_pixels is not None:
            self.labels += 1
            self.label_pixels += check.label_pixels
            self.label_images += check.label_pixels > 0

    def _constant(self) -> list[str]:
        return [
            f"modality '{name}' has the value {found.low[channel]} in every "
            f'pixel of channel {channel}; check what wrote the files'
            for name, found in self.statistics.items()
            for channel in np.flatnonzero(found.low == found.high)
        ]

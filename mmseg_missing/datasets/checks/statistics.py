"""Mean, deviation and range of many images, one image at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ChannelStatistics:
    """Per channel, over all pixels of some images.

    Args:
        count: pixels.
        mean: (C,) float64.
        spread: (C,) float64, sum of squared distances from the mean.
        low: (C,) smallest value.
        high: (C,) largest value.
    """

    count: int
    mean: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, array: np.ndarray) -> ChannelStatistics:
        """Measure one (H, W, C) image in two passes."""
        # Channels first: sums along the last axis are ten times faster.
        values = array.reshape(-1, array.shape[2]).T
        values = np.array(values, np.float64, order='C')  # (c, n), a copy
        low, high = values.min(axis=1), values.max(axis=1)
        mean = values.mean(axis=1)
        values -= mean[:, None]
        spread = np.einsum('cn,cn->c', values, values)
        return cls(values.shape[1], mean, spread, low, high)

    def __add__(self, other: ChannelStatistics) -> ChannelStatistics:
        """Return the statistics of both together.

        Sums of squares would cancel where the mean is far from zero, as in
        kelvin; distances from the mean do not.

        Source: Chan, Golub, LeVeque, Updating formulae, 1979.
        """
        count = self.count + other.count
        share, step = other.count / count, other.mean - self.mean
        return ChannelStatistics(
            count,
            self.mean + share * step,
            self.spread + other.spread + self.count * share * step**2,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )

    @property
    def std(self) -> np.ndarray:
        """(C,) population standard deviation."""
        return np.sqrt(self.spread / self.count)

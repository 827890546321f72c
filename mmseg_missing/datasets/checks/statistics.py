"""Mean, deviation and range of many images, one image at a time.

NaN stands where a pixel has no value; it counts nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ChannelStatistics:
    """Per channel, over all pixels of some images.

    Args:
        count: (C,) pixels that have a value.
        mean: (C,) float64.
        spread: (C,) float64, sum of squared distances from the mean.
        low: (C,) smallest value.
        high: (C,) largest value.
        next_low: (C,) the smallest but one, infinity if there is none; in
            bytes, which have no room for values that stand for something
            else, it is not looked for.
        next_high: (C,) the largest but one, or -infinity.
    """

    count: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray
    next_low: np.ndarray
    next_high: np.ndarray

    @classmethod
    def of(cls, array: np.ndarray) -> ChannelStatistics:
        """Measure one (H, W, C) image in two passes."""
        # Channels first: sums along the last axis are ten times faster.
        values = array.reshape(-1, array.shape[2]).T
        values = np.array(values, np.float64, order='C')  # (c, n), a copy
        holes = np.isnan(values)
        count = values.shape[1] - holes.sum(axis=1)
        low = np.where(holes, np.inf, values).min(axis=1)
        high = np.where(holes, -np.inf, values).max(axis=1)
        wide = values if array.dtype != np.uint8 else values[:, :0]
        following = _second(wide, low), -_second(-wide, -high)
        values[holes] = 0
        mean = values.sum(axis=1) / np.maximum(count, 1)
        values -= mean[:, None]
        values[holes] = 0
        spread = np.einsum('cn,cn->c', values, values)
        return cls(count, mean, spread, low, high, *following)

    def __add__(self, other: ChannelStatistics) -> ChannelStatistics:
        """Return the statistics of both together.

        Sums of squares would cancel where the mean is far from zero, as in
        kelvin; distances from the mean do not.

        Source: Chan, Golub, LeVeque, Updating formulae, 1979.
        """
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        step = other.mean - self.mean
        low = np.minimum(self.low, other.low)
        high = np.maximum(self.high, other.high)
        lows = [self.low, other.low, self.next_low, other.next_low]
        highs = [self.high, other.high, self.next_high, other.next_high]
        return ChannelStatistics(
            count,
            self.mean + share * step,
            self.spread + other.spread + self.count * share * step**2,
            low,
            high,
            _second(np.stack(lows, axis=1), low),
            -_second(-np.stack(highs, axis=1), -high),
        )

    @property
    def std(self) -> np.ndarray:
        """(C,) population standard deviation."""
        return np.sqrt(self.spread / np.maximum(self.count, 1))


def _second(values: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return (C,) the smallest of (C, n) values above ``low``."""
    above = np.where(values > low[:, None], values, np.inf)
    return above.min(axis=1, initial=np.inf)

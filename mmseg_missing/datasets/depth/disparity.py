"""Depth as its inverse, which is what a stereo camera measures."""

import numpy as np
from numpy.typing import NDArray


def is_measured(depth_m: NDArray) -> NDArray:
    """Return where depth is no hole: finite and positive."""
    return np.isfinite(depth_m) & (depth_m > 0)


def disparity(depth_m: NDArray, near_m: float = 0.1) -> NDArray:
    """Return 1 / depth in 1 / metre; a hole is 0, infinitely far away.

    Args:
        depth_m: Metres, any shape.
        near_m: What is nearer counts as this near.

    Returns:
        Same shape, float32, 0 to ``1 / near_m``.
    """
    inverse = np.zeros(depth_m.shape, np.float32)
    nearest = np.maximum(depth_m, near_m)
    np.divide(1, nearest, out=inverse, where=is_measured(depth_m))
    return inverse

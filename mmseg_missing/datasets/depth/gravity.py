"""Which way is down, from the depth of a room."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import Camera, disparity, is_measured
from .normals import surface_normals

STAGES = ((45.0, 5), (15.0, 5))
"""(degrees, rounds): what counts as floor or wall, wide first, then narrow."""
KEPT = 0.02
"""Weight of the last axis beside all planes: it decides what they leave open,
as one wall does, and moves nothing where the axis has settled."""
ROWS = 120
RADIUS = 2
"""At 120 rows: the 21 x 21 pixels that the authors take at 480."""


def estimate_down(depth_m: NDArray, camera: Camera) -> NDArray:
    """Return the unit vector of gravity in camera axes, (3,) float32.

    Found where the camera is tilted and rolled by less than about 45
    degrees; what the planes in sight leave open is the picture's down.

    Args:
        depth_m: (H, W) metres.
        camera: Camera of this picture at this size.

    Source: Gupta et al., CVPR 2013, with the thresholds of the code of
    arXiv:1407.5736; the weight of the last axis is ours.

    >>> camera = Camera(fx=50.0, fy=50.0, cx=12.0, cy=8.0, size=(16, 24))
    >>> estimate_down(np.full((16, 24), 2.0, np.float32), camera).shape
    (3,)
    """
    small = _shrunk(depth_m)
    normals = surface_normals(small, camera.resized(small.shape), RADIUS)
    known = normals.reshape(-1, 3)
    known = known[known.any(axis=1)].astype(np.float64)
    return _align(known, np.array((0.0, 1.0, 0.0))).astype(np.float32)


def _shrunk(depth_m: NDArray) -> NDArray:
    """Return depth of about 120 rows; planes stay planes, holes shrink."""
    factor = max(round(depth_m.shape[0] / ROWS), 1)
    height, width = (max(side // factor, 1) for side in depth_m.shape)
    # On a plane the mean of inverse depth is the one of the mean pixel.
    images = disparity(depth_m, 0.0), is_measured(depth_m).astype(np.float32)
    inverse, share = (
        cv2.resize(x, (width, height), interpolation=cv2.INTER_AREA)
        for x in images
    )
    small = np.zeros_like(share)
    return np.divide(share, inverse, out=small, where=inverse > 0)


def _align(normals: NDArray, down: NDArray) -> NDArray:
    """Return the axis with floors along it and walls across it.

    Each round takes the (N, 3) normals that look like floor or ceiling and
    like wall, and then the axis that is most along the first and across the
    second: the smallest eigenvector of the walls' sum of n n' less the
    floors', and less a little of the last axis' own.
    """
    for degrees, rounds in STAGES:
        angle = np.radians(degrees)
        for _ in range(rounds):
            along = abs(normals @ down)
            floor = normals[along > np.cos(angle)]
            wall = normals[along < np.sin(angle)]
            count = len(floor) + len(wall)
            if not count:
                return down
            scatter = wall.T @ wall - floor.T @ floor
            scatter -= KEPT * count * np.outer(down, down)
            axis = np.linalg.eigh(scatter)[1][:, 0]
            down = axis if axis @ down > 0 else -axis
    return down

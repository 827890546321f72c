"""HHA: horizontal disparity, height above ground, angle with gravity."""

import numpy as np
from numpy.typing import NDArray

from .camera import Camera, disparity, is_measured
from .gravity import estimate_down
from .normals import surface_normals

DISPARITY_SCALE = 310.0
"""8-bit steps times metres: 31000 / depth in centimetres."""
NEAR_M = 1.0
"""What is nearer counts as this near."""
LOWEST_M, USUAL_M = -0.9, -1.3
"""No point lower than the first, against the camera: then the floor is out of
sight and taken to be at the second."""
ANGLE_OFFSET = 38.0
"""Value of a floor; a wall has 90 more, a ceiling 180."""


def hha(depth_m: NDArray, camera: Camera) -> NDArray:
    """Return what the published HHA files hold.

    Channels, as RGB in a file: 310 / depth in metres (255 up to 1.2 m);
    centimetres above the lowest point (255 from 2.55 m on); degrees between
    the normal and the upward direction, plus 38.

    Published files were made from depth whose holes had been filled in;
    here a hole is (0, 0, 0).

    Args:
        depth_m: (H, W) metres.
        camera: Camera of this picture at this size. The picture must be
            upright: gravity is searched around its downward direction.

    Returns:
        (H, W, 3) uint8.

    Source: Gupta et al., Learning rich features from RGB-D images for object
    detection and segmentation, ECCV 2014, arXiv:1407.5736; scaling: saveHHA.m
    and processDepthImage.m of the authors' code.

    >>> camera = Camera(fx=50.0, fy=50.0, cx=12.0, cy=8.0, size=(16, 24))
    >>> hha(np.full((16, 24), 2.0, np.float32), camera).shape
    (16, 24, 3)
    """
    measured = is_measured(depth_m)
    depth_m = np.where(measured, depth_m, np.float32(0))
    up = -estimate_down(depth_m, camera)
    cosine = np.clip(surface_normals(depth_m, camera) @ up, -1, 1)
    values = np.empty((*depth_m.shape, 3), np.float32)
    values[..., 0] = DISPARITY_SCALE * disparity(depth_m, NEAR_M)
    values[..., 1] = 100 * _height_m(depth_m, measured, camera, up)
    values[..., 2] = np.degrees(np.arccos(cosine)) + ANGLE_OFFSET
    encoded = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    encoded[~measured] = 0
    return encoded


def _height_m(
    depth_m: NDArray, measured: NDArray, camera: Camera, up: NDArray
) -> NDArray:
    """Return (H, W) metres above the floor, or what passes for it."""
    height = camera.points(depth_m) @ up
    lowest = height.min(initial=0.0, where=measured)
    return height - (USUAL_M if lowest > LOWEST_M else lowest)

"""A pinhole camera: where depth was measured, its points, its inverse."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from mmseg_missing.values import listed, real, whole

ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True)
class Camera:
    """Intrinsics at one image size; axes: x right, y down, z forward.

    Args:
        fx: Focal length in pixels, horizontal.
        fy: The same, vertical.
        cx: Column of the optical axis; the first pixel's centre is 0.
        cy: Row of the optical axis.
        size: (height, width) that these numbers are for.

    Raises:
        TypeError: a value that is no number.
        ValueError: a focal length or a size that is not positive.

    >>> camera = Camera(fx=50.0, fy=50.0, cx=12.0, cy=8.0, size=(16, 24))
    >>> camera.size
    (16, 24)
    """

    fx: float
    fy: float
    cx: float
    cy: float
    size: tuple[int, int]

    def __post_init__(self) -> None:
        real('camera.fx', self.fx, above=0)
        real('camera.fy', self.fy, above=0)
        real('camera.cx', self.cx)
        real('camera.cy', self.cy)
        size = listed('camera.size', self.size)
        if len(size) != 2:
            raise ValueError(
                f'`camera.size` takes (height, width), got {self.size}'
            )
        sides = tuple(whole('camera.size', side, 1) for side in size)
        object.__setattr__(self, 'size', sides)

    def resized(self, size: tuple[int, int]) -> 'Camera':
        """Return the camera of the same picture at (height, width)."""
        down, across = (new / old for new, old in zip(size, self.size))
        return Camera(
            fx=self.fx * across,
            fy=self.fy * down,
            cx=(self.cx + 0.5) * across - 0.5,
            cy=(self.cy + 0.5) * down - 0.5,
            size=size,
        )

    def fits(self, size: tuple[int, int]) -> bool:
        """Say whether ``size`` has this aspect ratio, to 2 %."""
        down, across = (new / old for new, old in zip(size, self.size))
        return abs(down / across - 1) <= ASPECT_TOLERANCE

    def points(self, depth_m: NDArray) -> NDArray:
        """Return (H, W, 3) metres of (H, W) metres along the optical axis."""
        height, width = depth_m.shape
        points = np.empty((height, width, 3), depth_m.dtype)
        points[..., 0] = (np.arange(width) - self.cx) / self.fx * depth_m
        column = (np.arange(height)[:, None] - self.cy) / self.fy
        points[..., 1] = column * depth_m
        points[..., 2] = depth_m
        return points


# Pixels count from 1 in the toolbox, from 0 here.
CAMERAS = {
    'nyuv2': Camera(
        fx=518.857901,
        fy=519.469611,
        cx=325.582449 - 1,
        cy=253.736166 - 1,
        size=(480, 640),
    ),
}
"""Known cameras by name.

``nyuv2``: the Kinect's colour camera, into which the labelled depth of NYU
Depth V2 is projected; camera_params.m of the data set's toolbox (Silberman
et al., ECCV 2012).
"""


def as_camera(camera: str | Mapping | Camera) -> Camera:
    """Return a camera from its name in ``CAMERAS`` or a dict of its fields.

    Raises:
        ValueError: unknown name, or other fields.

    >>> as_camera('nyuv2').size
    (480, 640)
    """
    if isinstance(camera, Camera):
        return camera
    if isinstance(camera, str) and camera in CAMERAS:
        return CAMERAS[camera]
    names = {field.name for field in fields(Camera)}
    if not isinstance(camera, Mapping) or set(camera) != names:
        raise ValueError(
            f'`camera` must be one of {list(CAMERAS)} or dict(fx=..., '
            f'fy=..., cx=..., cy=..., size=(height, width)), got {camera!r}'
        )
    return Camera(**camera)


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

    >>> disparity(np.float32([[1.0, 2.0, 0.0]])).tolist()
    [[1.0, 0.5, 0.0]]
    """
    inverse = np.zeros(depth_m.shape, np.float32)
    nearest = np.maximum(depth_m, near_m)
    np.divide(1, nearest, out=inverse, where=is_measured(depth_m))
    return inverse

"""Surface normals: a plane through the neighbourhood of each pixel."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import Camera, disparity, is_measured

# Least determinant of the pixels' covariance, px^4; less is a point or line.
MIN_SPREAD = 0.05


def surface_normals(
    depth_m: NDArray, camera: Camera, radius: int = 3
) -> NDArray:
    """Return unit normals that look towards the camera.

    On a plane inverse depth is linear in the pixel's column and row, so the
    plane is a least squares fit of three numbers over a window. Its sums
    are separable filters; holes have weight 0.

    Args:
        depth_m: (H, W) metres.
        camera: Camera of this picture at this size.
        radius: The window has ``2 * radius + 1`` pixels a side.

    Returns:
        (H, W, 3) float32 in camera axes (x right, y down, z forward);
        (0, 0, 0) at holes and where the measured pixels span no plane.

    Source: Gupta et al., Perceptual organization and recognition of indoor
    scenes from RGB-D images, CVPR 2013, and the code of arXiv:1407.5736
    (fit of inverse depth in a square window).

    >>> camera = Camera(fx=50.0, fy=50.0, cx=12.0, cy=8.0, size=(16, 24))
    >>> wall = np.full((16, 24), 2.0, np.float32)  # metres, straight ahead
    >>> surface_normals(wall, camera)[8, 12].round(3).tolist()
    [-0.0, -0.0, -1.0]
    """
    measured = is_measured(depth_m)
    inverse = disparity(depth_m, near_m=0.0)
    right, down, centre, is_plane = _fit(inverse, measured, radius)
    height, width = depth_m.shape
    # n . P = 1, divided by depth: 1 / z = n . ((u-cx)/fx, (v-cy)/fy, 1),
    # and 1 / z is positive, so n looks away from the camera.
    x = right * camera.fx
    y = down * camera.fy
    column = np.arange(width, dtype=np.float32) - np.float32(camera.cx)
    row = np.arange(height, dtype=np.float32) - np.float32(camera.cy)
    z = centre - right * column - down * row[:, None]
    length = np.sqrt(x * x + y * y + z * z)
    factor = np.zeros_like(length)
    np.divide(-1, length, out=factor, where=is_plane & measured & (length > 0))
    return np.stack((x * factor, y * factor, z * factor), -1)


def _fit(inverse: NDArray, measured: NDArray, radius: int) -> tuple:
    """Fit ``1 / z = right * du + down * dv + centre`` around each pixel.

    Args:
        inverse: (H, W) float32, 0 where not measured.
        measured: (H, W) bool.
        radius: Radius of the window.

    Returns:
        right, down, centre (H, W) and where the fit is determined.
    """
    ramp = np.arange(-radius, radius + 1, dtype=np.float32)
    one, square = np.ones_like(ramp), ramp * ramp

    def total(image: NDArray, across: NDArray, along: NDArray) -> NDArray:
        return cv2.sepFilter2D(
            image, -1, across, along, borderType=cv2.BORDER_CONSTANT
        )

    weight = measured.astype(np.float32)
    count = np.maximum(total(weight, one, one), 1)
    u, v = (total(weight, *k) / count for k in ((ramp, one), (one, ramp)))
    uu = total(weight, square, one) / count - u * u
    uv = total(weight, ramp, ramp) / count - u * v
    vv = total(weight, one, square) / count - v * v
    mean = total(inverse, one, one) / count
    du = total(inverse, ramp, one) / count - mean * u
    dv = total(inverse, one, ramp) / count - mean * v
    spread = uu * vv - uv * uv
    is_plane = spread > MIN_SPREAD
    safe = np.where(is_plane, spread, 1)
    right = (vv * du - uv * dv) / safe
    down = (uu * dv - uv * du) / safe
    return right, down, mean - right * u - down * v, is_plane

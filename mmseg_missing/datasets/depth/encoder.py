"""One way to call all encodings."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .camera import Camera, as_camera, disparity
from .hha import hha
from .normals import surface_normals

ENCODINGS = {'disparity': 1, 'hha': 3, 'normals': 3}
"""Name to number of channels."""


class DepthEncoder:
    """Turn depth into another encoding of it.

    Args:
        encoding: ``'disparity'`` (1 / metre, float32), ``'hha'`` (uint8, as
            in the published files) or ``'normals'`` (unit vectors, float32;
            ``geometry='normals'`` in the stack).
        camera: Name in ``CAMERAS``, or ``dict(fx=..., fy=..., cx=...,
            cy=..., size=(height, width))``; scaled where depth has another
            size. Disparity needs none.

    Raises:
        ValueError: unknown encoding, or a camera that is missing or wrong.

    >>> DepthEncoder('disparity')(np.full((2, 3, 1), 2.0, np.float32)).shape
    (2, 3, 1)
    """

    def __init__(
        self, encoding: str, camera: str | Mapping | Camera | None = None
    ) -> None:
        if not isinstance(encoding, str) or encoding not in ENCODINGS:
            raise ValueError(
                f'unknown encoding {encoding!r} of depth; use one of '
                f'{list(ENCODINGS)}, metres need none'
            )
        if camera is None and encoding != 'disparity':
            raise ValueError(
                f"'{encoding}' needs the intrinsics; set `camera`, such as "
                "'nyuv2' or dict(fx=..., fy=..., cx=..., cy=..., size=...)"
            )
        self.encoding = encoding
        self.channels = ENCODINGS[encoding]
        self.camera = None if camera is None else as_camera(camera)

    def __call__(self, depth_m: NDArray) -> NDArray:
        """Return (H, W, C) of (H, W) or (H, W, 1) metres; 0 at holes.

        Raises:
            ValueError: more than one channel, or a cropped picture.
        """
        if depth_m.ndim == 3 and depth_m.shape[2] != 1:
            raise ValueError(
                f'depth has one channel, got {depth_m.shape[2]}; give metres '
                'along the optical axis'
            )
        depth_m = depth_m.reshape(depth_m.shape[:2]).astype(np.float32)
        if self.encoding == 'disparity':
            return disparity(depth_m)[..., None]
        if not self.camera.fits(depth_m.shape):
            raise ValueError(
                f'the camera is given for {self.camera.size} (height, width), '
                f'but depth is {depth_m.shape}; encode it before it is '
                'cropped or padded, or give the `camera` of this picture'
            )
        encode = hha if self.encoding == 'hha' else surface_normals
        return encode(depth_m, self.camera.resized(depth_m.shape))

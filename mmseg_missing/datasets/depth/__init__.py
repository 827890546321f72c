"""Other ways to write the same depth: disparity, normals, HHA.

NumPy and OpenCV only. Depth is in metres along the optical axis; 0, negative
and not finite values are holes, which stay holes and touch no neighbour.
"""

from .camera import CAMERAS, Camera, as_camera, disparity
from .encoder import ENCODINGS, DepthEncoder
from .gravity import estimate_down
from .hha import hha
from .normals import surface_normals

__all__ = [
    'CAMERAS',
    'ENCODINGS',
    'Camera',
    'DepthEncoder',
    'as_camera',
    'disparity',
    'estimate_down',
    'hha',
    'surface_normals',
]

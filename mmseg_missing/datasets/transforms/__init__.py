"""Joint transforms: one draw for all modalities and the label."""

from .color import RGBPhotoMetricDistortion
from .corrupting import CorruptModality
from .cropping import PadModalities, RandomCropModalities
from .encoding import EncodeDepth
from .loading import LoadLabel, LoadModalities
from .packing import PackModalities
from .reading import orientation_of, read_array
from .resizing import RandomResizeModalities, ResizeModalities
from .turning import RandomFlipModalities, RotateModalities

__all__ = [
    'CorruptModality',
    'EncodeDepth',
    'LoadLabel',
    'LoadModalities',
    'PackModalities',
    'PadModalities',
    'RGBPhotoMetricDistortion',
    'RandomCropModalities',
    'RandomFlipModalities',
    'RandomResizeModalities',
    'ResizeModalities',
    'RotateModalities',
    'orientation_of',
    'read_array',
]

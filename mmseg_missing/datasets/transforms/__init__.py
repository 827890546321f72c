"""Joint transforms: one draw for all modalities and the label."""

from .color import RGBPhotoMetricDistortion
from .cropping import PadModalities, RandomCropModalities
from .encoding import EncodeDepth
from .loading import LoadLabel, LoadModalities
from .packing import PackModalities
from .resizing import RandomResizeModalities, ResizeModalities
from .turning import RandomFlipModalities, RotateModalities

__all__ = [
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
]

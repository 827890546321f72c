"""Modules that merge the streams of several modalities."""

from .concat import ConcatFusion
from .rectify import FeatureFusion, FeatureRectification
from .rectify_fuse import RectifyFuse
from .sum import SumFusion

__all__ = [
    'ConcatFusion',
    'FeatureFusion',
    'FeatureRectification',
    'RectifyFuse',
    'SumFusion',
]

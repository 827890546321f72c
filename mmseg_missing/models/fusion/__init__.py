"""Modules that merge the streams of several modalities."""

from .concat import ConcatFusion
from .multi_scale import MultiScaleFusion
from .rectify import FeatureFusion, FeatureRectification
from .rectify_fuse import RectifyFuse
from .sum import SumFusion
from .token_exchange import TokenExchangeFusion

__all__ = [
    'ConcatFusion',
    'FeatureFusion',
    'FeatureRectification',
    'MultiScaleFusion',
    'RectifyFuse',
    'SumFusion',
    'TokenExchangeFusion',
]

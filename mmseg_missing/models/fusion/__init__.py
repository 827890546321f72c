"""Modules that merge the streams of several modalities."""

from .multi_scale import MultiScaleFusion
from .rectify import FeatureFusion, FeatureRectification, RectifyFuse
from .sum_concat import ConcatFusion, SumFusion
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

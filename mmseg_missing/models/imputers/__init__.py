"""What absent modalities would have shown, predicted from the others."""

from .feature_imputer import FeatureImputer
from .generators import (
    ConvGenerator,
    FillGenerator,
    LinearGenerator,
    UNetGenerator,
)

__all__ = [
    'ConvGenerator',
    'FeatureImputer',
    'FillGenerator',
    'LinearGenerator',
    'UNetGenerator',
]

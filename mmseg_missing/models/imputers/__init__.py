"""What absent modalities would have shown, predicted from the others."""

from .embedding_loss import EmbeddingLoss
from .feature_imputer import FeatureImputer, Hidden
from .generators import (
    ConvGenerator,
    FillGenerator,
    LinearGenerator,
    UNetGenerator,
)

__all__ = [
    'ConvGenerator',
    'EmbeddingLoss',
    'FeatureImputer',
    'FillGenerator',
    'Hidden',
    'LinearGenerator',
    'UNetGenerator',
]

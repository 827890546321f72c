"""Segmentors that run with missing modalities."""

from .missing_modality_segmentor import (
    MissingModalityCascadeSegmentor,
    MissingModalitySegmentor,
)
from .mixin import MissingModalityMixin

__all__ = [
    'MissingModalityCascadeSegmentor',
    'MissingModalityMixin',
    'MissingModalitySegmentor',
]

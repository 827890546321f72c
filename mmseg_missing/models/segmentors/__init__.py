"""Segmentors that run with missing modalities."""

from .missing_modality_segmentor import MissingModalitySegmentor
from .mixin import MissingModalityMixin

__all__ = ['MissingModalityMixin', 'MissingModalitySegmentor']

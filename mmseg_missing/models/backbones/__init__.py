"""Backbones for several modalities."""

from .cmnext import CMNeXt
from .multi_stream import MultiStreamBackbone

__all__ = ['CMNeXt', 'MultiStreamBackbone']

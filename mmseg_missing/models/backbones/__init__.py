"""Backbones for several modalities."""

from .cmnext import CMNeXt
from .mix_transformer import MixTransformer
from .multi_stream import MultiStreamBackbone

__all__ = ['CMNeXt', 'MixTransformer', 'MultiStreamBackbone']

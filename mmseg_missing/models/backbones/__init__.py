"""Backbones for several modalities."""

from .cmnext import CMNeXt
from .cmx import CMX
from .mix_transformer import MixTransformer
from .multi_stream import MultiStreamBackbone

__all__ = ['CMX', 'CMNeXt', 'MixTransformer', 'MultiStreamBackbone']

"""Backbones for several modalities."""

from .cmnext import CMNeXt
from .cmx import CMX
from .mix_transformer import MixTransformer
from .mmsformer import MMSFormer
from .multi_stream import MultiStreamBackbone

__all__ = [
    'CMX',
    'CMNeXt',
    'MMSFormer',
    'MixTransformer',
    'MultiStreamBackbone',
]

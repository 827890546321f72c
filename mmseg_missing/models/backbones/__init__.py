"""Backbones for several modalities."""

from .cmnext import CMNeXt
from .cmx import CMX
from .early_fusion import EarlyFusionBackbone
from .efficientnet_lite import EfficientNetLite
from .mix_transformer import MixTransformer
from .mmsformer import MMSFormer
from .multi_stream import MultiStreamBackbone
from .shared_stream import SharedStreamBackbone

__all__ = [
    'CMX',
    'CMNeXt',
    'EarlyFusionBackbone',
    'EfficientNetLite',
    'MMSFormer',
    'MixTransformer',
    'MultiStreamBackbone',
    'SharedStreamBackbone',
]

"""Networks: preprocessor, segmentor, backbones, fusion, heads."""

from mmseg_missing.compat import require_stack

require_stack()

from .backbones import CMNeXt  # noqa: E402
from .heads import SegFormerMLPHead  # noqa: E402

__all__ = ['CMNeXt', 'SegFormerMLPHead']

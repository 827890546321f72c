"""Networks: preprocessor, segmentor, backbones, fusion, heads."""

from mmseg_missing.compat import require_stack

require_stack()

from .adapting import AdaptedBackbone  # noqa: E402
from .backbones import CMX, CMNeXt, MultiStreamBackbone  # noqa: E402
from .data_preprocessor import ModalityDataPreprocessor  # noqa: E402
from .fusion import ConcatFusion, RectifyFuse, SumFusion  # noqa: E402
from .heads import SegFormerMLPHead  # noqa: E402
from .losses import ChannelWiseKL, FeatureMSE, LogitKL  # noqa: E402
from .segmentors import MissingModalityMixin, MissingModalitySegmentor  # noqa: E402

__all__ = [
    'CMX',
    'AdaptedBackbone',
    'CMNeXt',
    'ChannelWiseKL',
    'ConcatFusion',
    'FeatureMSE',
    'LogitKL',
    'MissingModalityMixin',
    'MissingModalitySegmentor',
    'ModalityDataPreprocessor',
    'MultiStreamBackbone',
    'RectifyFuse',
    'SegFormerMLPHead',
    'SumFusion',
]

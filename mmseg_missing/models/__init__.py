"""Networks: preprocessor, segmentor, backbones, fusion, heads."""

from mmseg_missing.compat import require_stack

require_stack()

from .adapting import AdaptedBackbone  # noqa: E402
from .backbones import (  # noqa: E402
    CMX,
    CMNeXt,
    EarlyFusionBackbone,
    EfficientNetLite,
    MMSFormer,
    MultiStreamBackbone,
    SharedStreamBackbone,
)
from .data_preprocessor import ModalityDataPreprocessor  # noqa: E402
from .fusion import (  # noqa: E402
    ConcatFusion,
    MultiScaleFusion,
    RectifyFuse,
    SumFusion,
    TokenExchangeFusion,
)
from .heads import SegFormerMLPHead  # noqa: E402
from .losses import ChannelWiseKL, FeatureMSE, LogitKL  # noqa: E402
from .segmentors import (  # noqa: E402
    MissingModalityCascadeSegmentor,
    MissingModalityMixin,
    MissingModalitySegmentor,
)

__all__ = [
    'CMX',
    'AdaptedBackbone',
    'CMNeXt',
    'ChannelWiseKL',
    'ConcatFusion',
    'EarlyFusionBackbone',
    'EfficientNetLite',
    'FeatureMSE',
    'LogitKL',
    'MMSFormer',
    'MissingModalityCascadeSegmentor',
    'MissingModalityMixin',
    'MissingModalitySegmentor',
    'ModalityDataPreprocessor',
    'MultiScaleFusion',
    'MultiStreamBackbone',
    'RectifyFuse',
    'SegFormerMLPHead',
    'SharedStreamBackbone',
    'SumFusion',
    'TokenExchangeFusion',
]

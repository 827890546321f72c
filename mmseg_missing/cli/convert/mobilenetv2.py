"""Turn torchvision's MobileNetV2 weights into MMSegmentation's.

The result is for `backbone=dict(type='MobileNetV2', init_cfg=dict(
type='Pretrained', checkpoint=DST))`. Mean, std and the eps of BatchNorm must
be those of the training, see `mobilenetv2_from_torchvision`.

Example:
  mmseg-missing convert mobilenetv2 mobilenet_v2.pth pretrained/mobilenetv2.pth
"""

from __future__ import annotations

from collections.abc import Sequence

from ...models.converters.mobilenetv2 import (
    LEFT_OUT,
    mobilenetv2_from_torchvision,
)
from ...models.converters.weight_files import (
    read_weights,
    write_weights,
)
from .files import say_load, weights_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file named on the command line."""
    parser = weights_parser(
        'mobilenetv2', __doc__, 'checkpoint with the names of torchvision'
    )
    args = parser.parse_args(argv)
    weights = read_weights(args.src)
    converted = mobilenetv2_from_torchvision(weights)
    write_weights(converted, args.dst)
    print(
        f'{args.dst}: {len(converted)} tensors; left out '
        f'{len(weights) - len(converted)} below {" and ".join(LEFT_OUT)}'
    )
    say_load(args.dst, of_backbone=True)

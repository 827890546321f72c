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
from .weights import convert_weights, weights_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file named on the command line."""
    parser = weights_parser(
        'mobilenetv2', __doc__, 'checkpoint with the names of torchvision'
    )
    args = parser.parse_args(argv)
    convert_weights(args, mobilenetv2_from_torchvision, LEFT_OUT, True)

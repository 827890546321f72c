"""Turn a checkpoint of CMX's authors into one of ours.

The result is for a segmentor with `CMX` and `SegFormerMLPHead`:
`load_from = DST` or `mmseg-missing test CONFIG DST`. The authors' loader feeds
both inputs as blue, green, red. With --rgb the network takes red, green, blue,
as the data sets here deliver, and the config gives ImageNet's numbers in
reverse: mean=[103.53, 116.28, 123.675], std=[57.375, 57.12, 58.395].

Example:
  mmseg-missing convert cmx cmx_b2_mfnet.pth pretrained/cmx_b2.pth --rgb
"""

from __future__ import annotations

from collections.abc import Sequence

from ...models.converters.cmx import cmx_from_authors, take_rgb
from .weights import convert_weights, weights_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file named on the command line."""
    parser = weights_parser('cmx', __doc__, "the authors' checkpoint")
    parser.add_argument(
        '--rgb',
        action='store_true',
        help='let the network take red, green, blue; mean and std in reverse',
    )
    args = parser.parse_args(argv)
    convert_weights(
        args,
        lambda w: (
            take_rgb(cmx_from_authors(w)) if args.rgb else cmx_from_authors(w)
        ),
    )

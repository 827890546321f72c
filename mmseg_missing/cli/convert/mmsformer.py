"""Turn a checkpoint of MMSFormer's authors into one of ours.

The result is for a segmentor with `MMSFormer` and `SegFormerMLPHead`:
`load_from = DST` or `mmseg-missing test CONFIG DST`.

Example:
  mmseg-missing convert mmsformer mmsformer_b3.pth pretrained/mmsformer_b3.pth
"""

from __future__ import annotations

from collections.abc import Sequence

from ...models.converters.mmsformer import mmsformer_from_authors
from .weights import convert_weights, weights_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file named on the command line."""
    parser = weights_parser('mmsformer', __doc__, "the authors' checkpoint")
    convert_weights(parser.parse_args(argv), mmsformer_from_authors)

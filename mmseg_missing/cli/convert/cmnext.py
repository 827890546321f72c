"""Turn a checkpoint of CMNeXt's authors into one of ours.

The result is for a segmentor with `CMNeXt` and `SegFormerMLPHead`:
`load_from = DST` or `mmseg-missing test CONFIG DST`.

Example:
  mmseg-missing convert cmnext cmnext_b2_nyu.pth pretrained/cmnext_b2.pth
"""

from __future__ import annotations

from collections.abc import Sequence

from ...models.converters.cmnext import cmnext_from_authors
from ...models.converters.weight_files import (
    read_weights,
    write_weights,
)
from .files import say_load, weights_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file named on the command line."""
    parser = weights_parser('cmnext', __doc__, "the authors' checkpoint")
    args = parser.parse_args(argv)
    converted = cmnext_from_authors(read_weights(args.src))
    write_weights(converted, args.dst)
    print(f'{args.dst}: {len(converted)} tensors')
    say_load(args.dst)

"""Turn ImageNet weights of a Mix Transformer into ours.

SRC has SegFormer's original names or MMSegmentation's. The result is the
`checkpoint` of `init_cfg=dict(type='Pretrained', checkpoint=DST)`, in `CMNeXt`
for the main stream (the branch of the other modalities starts from scratch,
as published), in `CMX` for both streams, in `MMSFormer` for the main stream
and as `extra_init_cfg` for the others, in `MixTransformer` for the whole, and
so for every stream of a `MultiStreamBackbone` over it.

Example:
  mmseg-missing convert mit mit_b2.pth pretrained/mit_b2_cmnext.pth
"""

from __future__ import annotations

from collections.abc import Sequence

from ...models.converters.mit import LEFT_OUT, mit_to_cmnext
from .weights import convert_weights, weights_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file named on the command line."""
    parser = weights_parser('mit', __doc__, 'weights of a Mix Transformer')
    convert_weights(parser.parse_args(argv), mit_to_cmnext, LEFT_OUT, True)

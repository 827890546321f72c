"""Turn ImageNet weights of a Mix Transformer into CMNeXt's main stream.

    python tools/model_converters/mit2cmnext.py SRC DST

SRC has SegFormer's original names or MMSegmentation's. The result is the
`checkpoint` of `init_cfg=dict(type='Pretrained', checkpoint=DST)`, in `CMNeXt`
for the main stream (the branch of the other modalities starts from scratch,
as published), in `CMX` for both streams, in `MMSFormer` for the main stream
and as `extra_init_cfg` for the others, in `MixTransformer` for the whole, and
so for every stream of a `MultiStreamBackbone` over it.
"""

import argparse

from mmseg_missing.cli.arguments import add_trust
from mmseg_missing.cli.ending import run_tool
from mmseg_missing.models.converters.mit import LEFT_OUT, mit_to_cmnext
from mmseg_missing.models.converters.weight_files import (
    read_weights,
    write_weights,
)


def main() -> None:
    """Convert the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', help='weights of a Mix Transformer')
    parser.add_argument('dst', help='where to write the converted ones')
    add_trust(parser)
    args = parser.parse_args()
    converted = mit_to_cmnext(read_weights(args.src))
    write_weights(converted, args.dst)
    print(
        f'{args.dst}: {len(converted)} tensors; left out whatever lies below '
        f'{" and ".join(LEFT_OUT)}'
    )


if __name__ == '__main__':
    run_tool(main)

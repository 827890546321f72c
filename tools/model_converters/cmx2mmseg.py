"""Turn a checkpoint of CMX's authors into one of this project.

    python tools/model_converters/cmx2mmseg.py SRC DST --rgb

The result is for a segmentor with `CMX` and `SegFormerMLPHead`:
`load_from = DST` or `tools/test.py CONFIG DST`. The authors' loader feeds
both inputs as blue, green, red. With --rgb the network takes red, green, blue,
as the data sets here deliver, and the config gives ImageNet's numbers in
reverse: mean=[103.53, 116.28, 123.675], std=[57.375, 57.12, 58.395].
"""

import argparse

from mmseg_missing.cli.arguments import add_trust
from mmseg_missing.cli.ending import run_tool
from mmseg_missing.models.converters.cmx import cmx_from_authors, take_rgb
from mmseg_missing.models.converters.weight_files import (
    read_weights,
    write_weights,
)


def main() -> None:
    """Convert the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', help="the authors' checkpoint")
    parser.add_argument('dst', help='where to write the converted one')
    parser.add_argument(
        '--rgb',
        action='store_true',
        help='let the network take red, green, blue; mean and std in reverse',
    )
    add_trust(parser)
    args = parser.parse_args()
    converted = cmx_from_authors(read_weights(args.src))
    if args.rgb:
        converted = take_rgb(converted)
    write_weights(converted, args.dst)
    print(f'{args.dst}: {len(converted)} tensors')


if __name__ == '__main__':
    run_tool(main)

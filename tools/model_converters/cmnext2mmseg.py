"""Turn a checkpoint of CMNeXt's authors into one of this project.

    python tools/model_converters/cmnext2mmseg.py SRC DST

The result is for a segmentor with `CMNeXt` and `SegFormerMLPHead`:
`load_from = DST` or `tools/test.py CONFIG DST`.
"""

import argparse

from mmseg_missing.cli.arguments import add_trust
from mmseg_missing.cli.ending import run_tool
from mmseg_missing.models.converters.cmnext import cmnext_from_authors
from mmseg_missing.models.converters.weight_files import (
    read_weights,
    write_weights,
)


def main() -> None:
    """Convert the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', help="the authors' checkpoint")
    parser.add_argument('dst', help='where to write the converted one')
    add_trust(parser)
    args = parser.parse_args()
    converted = cmnext_from_authors(read_weights(args.src))
    write_weights(converted, args.dst)
    print(f'{args.dst}: {len(converted)} tensors')


if __name__ == '__main__':
    run_tool(main)

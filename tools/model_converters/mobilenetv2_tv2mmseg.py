"""Turn MobileNetV2 weights with torchvision's names into MMSegmentation's.

    python tools/model_converters/mobilenetv2_tv2mmseg.py SRC DST

The result is for `backbone=dict(type='MobileNetV2', init_cfg=dict(
type='Pretrained', checkpoint=DST))`. Mean, std and the eps of BatchNorm must
be those of the training, see `mobilenetv2_from_torchvision`.
"""

import argparse

from mmseg_missing.cli.arguments import add_trust
from mmseg_missing.cli.ending import run_tool
from mmseg_missing.models.converters.mobilenetv2 import (
    LEFT_OUT,
    mobilenetv2_from_torchvision,
)
from mmseg_missing.models.converters.weight_files import (
    read_weights,
    write_weights,
)


def main() -> None:
    """Convert the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', help='checkpoint with the names of torchvision')
    parser.add_argument('dst', help='where to write the converted one')
    add_trust(parser)
    args = parser.parse_args()
    weights = read_weights(args.src)
    converted = mobilenetv2_from_torchvision(weights)
    write_weights(converted, args.dst)
    print(
        f'{args.dst}: {len(converted)} tensors; left out '
        f'{len(weights) - len(converted)} below {" and ".join(LEFT_OUT)}'
    )


if __name__ == '__main__':
    run_tool(main)

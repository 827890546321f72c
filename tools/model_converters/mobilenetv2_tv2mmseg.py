"""Turn MobileNetV2 weights with torchvision's names into MMSegmentation's."""

from mmseg_missing.cli.convert.mobilenetv2 import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

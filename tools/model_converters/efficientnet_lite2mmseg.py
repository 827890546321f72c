"""Turn EfficientNet-Lite weights with TensorFlow's names into ours."""

from mmseg_missing.cli.convert.efficientnet_lite import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

"""Turn ImageNet weights of a Mix Transformer into CMNeXt's main stream."""

from mmseg_missing.cli.convert.mit import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

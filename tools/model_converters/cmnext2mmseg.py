"""Turn a checkpoint of CMNeXt's authors into one of this project."""

from mmseg_missing.cli.convert.cmnext import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

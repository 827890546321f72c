"""Turn the official NYU Depth V2 files into the folder NYUv2Dataset reads."""

from mmseg_missing.cli.convert.nyuv2 import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

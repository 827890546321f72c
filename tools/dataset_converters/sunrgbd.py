"""Turn the official SUN RGB-D into the folder SUNRGBDDataset reads."""

from mmseg_missing.cli.convert.sunrgbd import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

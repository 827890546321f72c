"""Turn the official OMBRIA into the folder OMBRIADataset reads."""

from mmseg_missing.cli.convert.ombria import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

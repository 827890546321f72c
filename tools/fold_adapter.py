"""Dissolve adapters and BatchNorms into one combination's plain network."""

from mmseg_missing.cli.ending import run_tool
from mmseg_missing.cli.fold import main

if __name__ == '__main__':
    run_tool(main)

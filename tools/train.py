"""Train a network, or adapt one: python tools/train.py CONFIG."""

from mmseg_missing.cli.ending import run_tool
from mmseg_missing.cli.train import main

if __name__ == '__main__':
    run_tool(main)

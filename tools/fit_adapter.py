"""Repair a network without training: adapters in closed form."""

from mmseg_missing.cli.ending import run_tool
from mmseg_missing.cli.fit import main

if __name__ == '__main__':
    run_tool(main)

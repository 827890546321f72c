"""Train, lose sensors, repair: python demo/run_demo.py."""

from mmseg_missing.cli.demo import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

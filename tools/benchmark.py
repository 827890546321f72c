"""Measure what adapters cost: base, adapted, folded, full fine-tuning."""

from mmseg_missing.cli.benchmark import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

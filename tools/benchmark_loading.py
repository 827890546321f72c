"""Measure what the pipeline of a config costs beside decoding its files."""

from mmseg_missing.cli.benchmark_loading import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

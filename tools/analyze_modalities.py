"""Measure what each modality is worth and which sites to adapt."""

from mmseg_missing.cli.analyze import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

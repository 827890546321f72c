"""Score a network under missing modalities: every combination at once."""

from mmseg_missing.cli.ending import run_tool
from mmseg_missing.cli.test import main

if __name__ == '__main__':
    run_tool(main)

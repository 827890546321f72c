"""Draw samples of a config's data set: every modality and the label."""

from mmseg_missing.cli.browse import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

"""Print what an adapter file says of itself."""

from mmseg_missing.cli.ending import run_tool
from mmseg_missing.cli.inspect import main

if __name__ == '__main__':
    run_tool(main)

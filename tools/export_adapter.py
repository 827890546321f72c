"""Write the adapters of a joined checkpoint to one small file."""

from mmseg_missing.cli.ending import run_tool
from mmseg_missing.cli.export_adapter import main

if __name__ == '__main__':
    run_tool(main)

"""Compare methods: one table, one chart, of what they reach and cost."""

from mmseg_missing.cli.compare import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

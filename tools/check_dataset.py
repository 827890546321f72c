"""Read every file of a config's data sets and say whether all is well."""

from mmseg_missing.cli.check import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

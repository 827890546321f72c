"""Turn a folder of depth images into HHA or surface normals, as PNG files."""

from mmseg_missing.cli.convert.depth import main
from mmseg_missing.cli.ending import run_tool

if __name__ == '__main__':
    run_tool(main)

"""The console script ``mmseg-missing``.

It lies outside of the package, whose import takes seconds (it registers all
parts in MMSegmentation) and is not needed for the list of verbs.
"""

import runpy
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    """Run the door of the package, without importing the package."""
    [folder] = find_spec('mmseg_missing').submodule_search_locations
    runpy.run_path(str(Path(folder, 'cli', 'main.py')))['main']()

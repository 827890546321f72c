"""Turn official data sets and weights into ours."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ..main import dispatch

KINDS = {
    'data sets': ('nyuv2', 'sunrgbd', 'ombria', 'depth'),
    'weights': (
        'cmnext',
        'cmx',
        'mmsformer',
        'mit',
        'mobilenetv2',
        'efficientnet',
    ),
}
HEAD = """usage: mmseg-missing convert KIND ...

Turn official data sets and weights into those of this project.
"""
TAIL = """
Example:
  mmseg-missing convert nyuv2 --help
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the converter that the command line names, or list all."""
    argv = list(sys.argv[1:] if argv is None else argv)
    folder = Path(__file__).parent
    dispatch('mmseg-missing convert', HEAD, TAIL, KINDS, folder, argv)

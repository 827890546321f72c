"""Read runs by looking: one HTML page that needs no network.

WORK_DIR is what `repair`, `demo`, `test --out` or `analyze` wrote, or a
folder of these. Several are compared; they have to be runs of one task.

Example:
  mmseg-missing report work_dirs/NAME-repaired
  mmseg-missing report work_dirs/ssf work_dirs/lora work_dirs/base \\
    --out report.html
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..reporting import PAGE_FILE, write_page
from .arguments import verb_parser


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('report', __doc__)
    parser.add_argument(
        'folders', nargs='+', metavar='WORK_DIR', help='of runs'
    )
    parser.add_argument(
        '--out',
        metavar='FILE',
        help=f'default: {PAGE_FILE} in the first WORK_DIR',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page."""
    args = parser().parse_args(argv)
    path = write_page(args.folders, args.out)
    print(f'{path}: open it in a browser')

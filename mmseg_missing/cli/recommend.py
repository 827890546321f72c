"""Say which adapters to train for so many numbers and hours, and why."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence

from ..apis.recommend import Recommendation, recommend
from .arguments import at_least
from .ending import run_tool
from .repair import share

EXAMPLE = """\
example:
  mmseg-missing recommend --share 0.2% --hours 1 --modalities 4
  mmseg-missing recommend configs/mine/net.py --run work_dirs/net \\
      --share 0.5% --hours 3
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        prog='mmseg-missing recommend',
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('config', nargs='?', help='of the base, so that its sizes count')
    add(
        '--share',
        type=share,
        default='1%',
        help='what adapters of one combination may add, default: 1%%',
    )
    add('--hours', type=float, default=1.0, help='to train, default: 1')
    add(
        '--modalities',
        type=at_least(2),
        default=3,
        help='how many, where there is no config; default: 3',
    )
    add('--run', help='work folder of the base, so that its seconds count')
    add('--analysis', help='folder of analyze, whose sites are ranked')
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    args = make_parser().parse_args(argv)
    found = recommend(
        args.share,
        args.hours,
        args.modalities,
        args.config,
        args.run,
        args.analysis,
    )
    print(in_words(found, args.config or 'CONFIG'))


def in_words(found: Recommendation, config: str) -> str:
    """Return the recommendation as a text for the terminal."""
    parts = [*_wrapped('Why', found.reasons)]
    if found.unknown:
        parts += _wrapped('Not measured', found.unknown)
    if found.adapter is not None:
        parts += ['In a config:', textwrap.indent(found.config_lines(), '  ')]
        if found.epochs is None:
            parts.append(
                f'EPOCHS is {found.times:.2g} times the epochs of your base.'
            )
    parts += ['Or, with no second config:', f'  {found.command(config)}']
    return '\n'.join(parts)


def _wrapped(title: str, sentences: Sequence[str]) -> list[str]:
    lines = [
        textwrap.fill(text, 79, initial_indent='- ', subsequent_indent='  ')
        for text in sentences
    ]
    return [f'{title}:', *lines, '']


if __name__ == '__main__':
    run_tool(main)

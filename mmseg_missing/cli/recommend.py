"""Say which adapters suit a size and a time, and why.

It goes by what this project measured, and says what nobody did.

Example:
  mmseg-missing recommend --share 0.2% --hours 1 --modalities 4
  mmseg-missing recommend NAME --run work_dirs/NAME --share 0.5% --hours 3
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence

from ..apis.recommend import recommend
from ..apis.recommend.recommendation import Recommendation
from ..startup.config_files import find_config
from .arguments import at_least, verb_parser
from .repair import share


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('recommend', __doc__)
    add = parser.add_argument
    add(
        'config',
        nargs='?',
        type=find_config,
        help='of the base, so that its sizes count',
    )
    add(
        '--share',
        type=share,
        default='1%',
        help='what adapters of one combination may add, default: 1%%',
    )
    add(
        '--hours',
        type=float,
        default=1.0,
        metavar='H',
        help='to train, default: 1',
    )
    add(
        '--modalities',
        type=at_least(2),
        default=3,
        metavar='M',
        help='how many, where there is no config; default: 3',
    )
    add(
        '--run',
        metavar='DIR',
        help='work folder of the base, so that its seconds count',
    )
    add(
        '--analysis',
        metavar='DIR',
        help='what `analyze` wrote, so that its sites count',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Print the recommendation."""
    args = parser().parse_args(argv)
    found = recommend(
        args.share,
        args.hours,
        args.modalities,
        args.config,
        args.run,
        args.analysis,
    )
    print(in_words(found, str(args.config or 'CONFIG')))


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
    what = 'or, with no second config' if found.adapter else 'next'
    parts += [f'{what}:', f'  {found.command(config)}']
    return '\n'.join(parts)


def _wrapped(title: str, sentences: Sequence[str]) -> list[str]:
    lines = [
        textwrap.fill(text, 79, initial_indent='- ', subsequent_indent='  ')
        for text in sentences
    ]
    return [f'{title}:', *lines, '']

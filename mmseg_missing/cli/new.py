"""Look at a folder of your own and write configs to train on it.

FOLDER has a folder per modality and one of labels (rgb/0001.png,
depth/0001.png, labels/0001.png), or names that end in the modality, or is a
table (.csv) with a column for each. What it holds is guessed; beside each
guess the config says how sure it is, and why.

Example:
  mmseg-missing new data/mine --out configs/mine
  mmseg-missing new data/mine --labels gt --modality thermal=cam2
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..apis.new import NewConfigs, new
from ..apis.new_configs import SPLITS, open_questions
from ..datasets.checks import problem_lines
from ..datasets.guessing import FolderGuess
from .arguments import verb_parser


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('new', __doc__)
    add_arguments(parser)
    return parser


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument('folder', help='your data, or a table of files')
    parser.add_argument(
        '--out', metavar='DIR', help='default: configs/<name of FOLDER>'
    )
    parser.add_argument(
        '--modality',
        metavar='NAME=FOLDER',
        action='append',
        default=[],
        help='what a folder holds, such as thermal=ir; again for others',
    )
    parser.add_argument('--labels', metavar='FOLDER', help='of the labels')
    parser.add_argument(
        '--classes',
        metavar='FILE',
        help='a class a line: `person`, `3 person` or, for labels in colour, '
        '`person,192,128,128`',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='configs that are there'
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Write the configs and say what to look at, and what to run next."""
    args = parser().parse_args(argv)
    folder = Path(args.folder)
    out = args.out or Path('configs', folder.resolve().stem)
    given = dict(map(_pair, args.modality))
    written = new(
        args.folder, out, given, args.labels, args.classes, args.overwrite
    )
    print('\n'.join([*_found(written.guess), *_said(written)]))
    sys.stdout.flush()


def _pair(text: str) -> tuple[str, str]:
    name, mark, kind = text.partition('=')
    if not (name and mark and kind):
        raise ValueError(
            f'--modality takes NAME=FOLDER, such as thermal=ir, got {text!r}'
        )
    return name, kind


def _found(guess: FolderGuess) -> list[str]:
    """Return what the folder holds, a line for each thing."""
    counts = ', '.join(f'{guess.count(split)} {split}' for split in SPLITS)
    height, width = guess.size.value
    lines = [
        f'{len(guess.rows)} samples ({counts}) of {height} x {width} pixels '
        '(height x width):'
    ]
    for modality in guess.modalities:
        dtype = modality.form['dtype'].value
        lines.append(
            f'  {modality.name.value:10}{modality.channels.value} x {dtype}, '
            f'{modality.unit.value} ({modality.unit.confidence})'
        )
    classes = guess.label.classes
    shown = ', '.join(classes.value[:6])
    more = len(classes.value) - 6
    more = f' and {more} more' if more > 0 else ''
    lines.append(
        f'  {"label":10}{len(classes.value)} classes: {shown}{more}; ignored: '
        f'{guess.label.void.value}'
    )
    return lines


def _said(written: NewConfigs) -> list[str]:
    """Return what is not sure, what is wrong, and what to do."""
    guess, data = written.guess, written.data
    lines = [
        f'  {value.confidence}, {key}: {value.reason}'
        for key, value in open_questions(guess)
    ]
    if lines:
        lines.insert(0, f'not sure, so look there in {data}:')
    lines += guess.notes
    lines.append(problem_lines(written.problems))
    networks = ' and '.join(map(str, written.networks))
    return [
        *lines,
        f'wrote {data}, {data.with_name("samples.csv")} and {networks}',
        f'look at {written.sheet}, then:',
        f'  mmseg-missing train {written.networks[0]}',
        f'  mmseg-missing repair {written.networks[0]} '
        f'{written.last_checkpoint}',
    ]

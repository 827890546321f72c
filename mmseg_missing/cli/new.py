"""Look at a folder of yours and write configs to train on it.

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
from collections.abc import Sequence
from pathlib import Path

from ..apis.new import DATA, NewConfigs, new
from ..apis.new.configs import SPLITS, open_questions
from ..datasets.checks import problem_lines
from ..datasets.guessing import FolderGuess, look_at
from .arguments import add_dry_run, verb_parser
from .ending import command


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('new', __doc__)
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
    add_dry_run(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the configs and say what to look at, and what to run next."""
    args = parser().parse_args(argv)
    out = Path(args.out or Path('configs', Path(args.folder).resolve().stem))
    given = dict(map(_pair, args.modality))
    if args.dry_run:
        guess = look_at(args.folder, given, args.labels, args.classes)
        print('dry run, nothing was written')
        print('\n'.join([*_found(guess), *_unsure(guess, out / DATA)]))
        return
    written = new(
        args.folder, out, given, args.labels, args.classes, args.overwrite
    )
    guess = written.guess
    lines = [*_found(guess), *_unsure(guess, written.data)]
    print('\n'.join([*lines, *_written(written)]), flush=True)


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


def _unsure(guess: FolderGuess, data: Path) -> list[str]:
    """Return what is not sure or was left out."""
    lines = [
        f'  {value.confidence}, {key}: {value.reason}'
        for key, value in open_questions(guess)
    ]
    if lines:
        lines.insert(0, f'not sure, so look there in {data}:')
    return [*lines, *guess.notes]


def _written(written: NewConfigs) -> list[str]:
    """Return what is wrong with the files, what was written, and what next."""
    network = written.networks[0]
    return [
        problem_lines(written.problems),
        'wrote:',
        *(f'  {path}: {what}' for path, what in written.files.items()),
        'next, when the picture looks right:',
        f'  {command("train", network)}',
        f'  {command("repair", network, written.last_checkpoint)}',
    ]

"""Put many runs into one table and chart, with their cost.

WHAT are finished work folders (<method>-seed<k> are seeds of one method,
<method>_<combination>-seed<k> or a folder of them its separate trainings), or
configs, which are trained and tested where work_dirs lacks them.

With --curve runs called <method>-absence<rate>[-seed<k>] are drawn over that
rate as well.

Example:
  mmseg-missing compare work_dirs/ssf work_dirs/lora --base work_dirs/base \\
    --out comparison
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from ..apis.processes import (
    is_finished,
    train_and_test,
    work_folder,
)
from ..comparison import (
    CURVE_FILE,
    Comparison,
    absence_curves,
    compare,
    comparison_table,
    find_base,
    find_dedicated,
    find_runs,
    write_comparison,
    write_curve,
)
from ..evaluation import check_writable
from ..startup.config_files import find_config
from .arguments import verb_parser
from .ending import say_next


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('compare', __doc__)
    parser.add_argument(
        'what',
        nargs='+',
        type=named,
        metavar='WHAT',
        help='work folders, or configs by name or path',
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='DIR',
        help='for comparison.json, comparison.md and comparison.png',
    )
    parser.add_argument(
        '--base',
        '--reference',
        type=named,
        help='work folder or config of the pretrained network',
    )
    parser.add_argument(
        '--dedicated',
        nargs='+',
        default=[],
        metavar='DIR',
        help='work folders of networks trained for one combination each, or '
        'folders of them; with --base they give the recovered fraction',
    )
    parser.add_argument(
        '--seeds',
        nargs='+',
        type=int,
        default=[None],
        metavar='N',
        help='with which configs are run; default: their own',
    )
    parser.add_argument(
        '--name-pattern',
        metavar='RE',
        help='regular expression for the name of a method in that of its '
        'folder (the first group, if there is one)',
    )
    parser.add_argument(
        '--curve',
        action='store_true',
        help='draw curve.png: mIoU over the rate in the names of runs, and '
        'say which method leads where',
    )
    parser.add_argument(
        '--no-run',
        action='store_true',
        help='refuse configs that were not run yet',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Compare."""
    args = parser().parse_args(argv)
    check_writable(args.out)
    comparison = collect(args)
    curves = absence_curves(comparison) if args.curve else None
    print(comparison_table(comparison))
    given = sys.argv[1:] if argv is None else argv
    line = shlex.join(['mmseg-missing', 'compare', *given])
    write_comparison(comparison, args.out, line)
    files = 'comparison.json, comparison.md, comparison.png'
    if curves is not None:
        print(write_curve(comparison, curves, args.out))
        files += f', {CURVE_FILE}'
    print(f'{args.out}: {files}')
    say_next('recommend', '--help', why='which of them for your limits')


def collect(args: argparse.Namespace) -> Comparison:
    """Run what was not run yet, and read everything.

    Raises:
        FileNotFoundError: a folder, config or report that is not there.
        ValueError: runs that cannot stand in one table.
    """
    base = [(args.base, None)] if args.base else []
    what = [
        (entry, seed)
        for entry in args.what
        for seed in (args.seeds if is_config(entry) else [None])
    ]
    folders = [folder_of(*pair) for pair in what]
    for folder in folders:
        if folders.count(folder) > 1:
            raise ValueError(f'{str(folder)!r} is given twice')
    reference = folder_of(*base[0]) if base else None
    folders = [folder for folder in folders if folder != reference]
    if not folders:
        raise ValueError(
            f'{str(reference)!r} is the base itself; name what to compare it '
            'with as well'
        )
    if args.seeds != [None] and not any(map(is_config, args.what)):
        raise ValueError(
            '--seeds is for configs, which are run with them; leave it out '
            'for work folders'
        )
    run_missing([*base, *what], args.no_run)
    return compare(
        find_runs(folders, args.name_pattern),
        reference and find_base(reference),
        find_dedicated(args.dedicated) if args.dedicated else (),
    )


def run_missing(pairs: list[tuple[str, int | None]], refuse: bool) -> None:
    """Train and test configs that have no report, behind a progress line.

    Raises:
        ValueError: there are some, and nothing may be run.
    """
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    todo = [
        (entry, seed)
        for entry, seed in dict.fromkeys(pairs)
        if is_config(entry) and not is_finished(work_folder(entry, seed))
    ]
    for config, _ in todo:
        find_config(config)
    if not todo:
        return
    if refuse:
        raise ValueError(
            f'{todo[0][0]!r} has no report in {str(work_folder(*todo[0]))!r}; '
            'train and test it, or leave --no-run out'
        )
    columns = (TextColumn('{task.description}'), TimeElapsedColumn())
    console = Console(stderr=True)
    # Without a terminal it would leave empty lines.
    is_off = not console.is_terminal
    with Progress(
        *columns, console=console, transient=True, disable=is_off
    ) as progress:
        for number, (config, seed) in enumerate(todo, 1):
            task = progress.add_task('')

            def say(text, task=task, number=number):
                text = f'{text} ({number} of {len(todo)})'
                progress.update(task, description=text)

            train_and_test(config, seed, say)
            progress.remove_task(task)


def folder_of(entry: str, seed: int | None) -> Path:
    """Return the work folder that an argument stands for."""
    return work_folder(entry, seed) if is_config(entry) else Path(entry)


def is_config(entry: str) -> bool:
    """Say whether an argument names a config rather than a folder."""
    return Path(entry).suffix == '.py' and not Path(entry).is_dir()


def named(entry: str) -> str:
    """Return a folder as it is, and the file of a config's full name."""
    if Path(entry).is_dir():
        return entry
    try:
        found = find_config(entry)
    except FileNotFoundError:
        if is_config(entry):
            raise
        return entry
    # The beginning of a name may be a misspelt folder, and starts no run.
    return str(found) if found.stem == Path(entry).stem else entry

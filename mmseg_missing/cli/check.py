"""Read every file of the data sets and list what is wrong.

Exit code 0: no problem; 1: problems, which are listed; 2: a mistake in the
command or in the config, so that nothing could be checked.

Example:
  mmseg-missing check configs/mine/data.py
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from rich.progress import track

from ..apis.model import read_config
from ..datasets.checks import (
    SampleChecks,
    Summary,
    findings,
    modality_lines,
    problem_lines,
    shared_samples,
    summary_tables,
)
from ..datasets.manifest import LeftOutWarning
from ..startup.checks import require
from ..startup.validation import sample_ids
from .arguments import add_config, add_config_options, at_least, verb_parser
from .ending import say_next

SPLITS = ('train', 'val', 'test')


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('check', __doc__)
    add_config(parser)
    parser.add_argument(
        '--split',
        choices=SPLITS,
        help='whose dataloader; default: every one that the config has',
    )
    parser.add_argument(
        '--workers',
        type=at_least(0),
        default=_cores(),
        metavar='N',
        help='processes that read files; default: one per core; 0: none',
    )
    add_config_options(parser)
    return parser


def _cores() -> int:
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main(argv: Sequence[str] | None = None) -> None:
    """Check all splits."""
    args = parser().parse_args(argv)
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    found = chosen_datasets(cfg, args)
    summaries: dict[str, Summary] = {}
    problems = []
    for split, options in found.items():
        if split == 'val' and is_part(options, found.get('train')):
            print('val: a part of train, which must leave it out to validate')
            continue
        same = next((s for s in summaries if found[s] == options), None)
        if same:
            print(f'{split}: the data set of {same}')
            summaries[split], new = summaries[same], []
        else:
            summaries[split], new = check(split, options, args.workers)
        if 'train' in summaries and split != 'train' and same != 'val':
            train = summaries['train']
            new = [*shared_samples(summaries[split], split, train), *new]
        if new or not same:
            print(f'{split}: {problem_lines(new)}')
        problems += new
    say_next('browse', args.config, why='a look at the samples')
    if problems:
        sys.exit(1)


def chosen_datasets(cfg: dict, args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of each split's data set."""
    splits = [args.split] if args.split else SPLITS
    found = {
        split: require(cfg, f'{split}_dataloader.dataset')
        for split in splits
        if cfg.get(f'{split}_dataloader')
    }
    if not found:
        raise KeyError(
            f'config {args.config} has no '
            f'{" or ".join(f"`{split}_dataloader`" for split in splits)}; '
            'choose another --split or config'
        )
    return found


def is_part(options: dict, whole: dict | None) -> bool:
    """Say whether a data set is some samples of another."""
    if whole is None or options == whole:
        return False
    part, rest = (sample_ids(build(o)[0]) for o in (options, whole))
    return bool(part) and part < rest


def check(
    split: str, options: dict, workers: int
) -> tuple[Summary, list[str]]:
    """Print what a data set holds; return it, and its problems."""
    dataset, left_out = build(options)
    checks = SampleChecks(dataset, workers)
    # Worker processes start with iter(), before the thread that draws.
    bar = track(iter(checks), f'reading {split}', len(checks))
    summary = Summary(checks.stack, bar)
    title = f'{split} ({options["type"]})'
    print(summary_tables(summary, title, checks.classes, checks.formats))
    if split == 'train':
        print(modality_lines(summary))
    found = findings(summary, checks.classes, split, checks.formats)
    return summary, [*left_out, *found, *summary.problems]


def build(options: dict) -> tuple[Any, list[str]]:
    """Return a data set, and a sentence for whatever it leaves out."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always', LeftOutWarning)
        dataset = DATASETS.build(options)
    left_out = []
    for warning in told:
        if issubclass(warning.category, LeftOutWarning):
            left_out.append(str(warning.message))
        else:
            warnings.warn_explicit(
                warning.message,
                warning.category,
                warning.filename,
                warning.lineno,
            )
    return dataset, left_out

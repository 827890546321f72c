"""Measure what each step of the data pipeline costs.

Example:
  mmseg-missing benchmark-loading NAME --split test --images 50
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial

import cv2
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from ..apis.model import read_config
from ..benchmark.loading import loading_table, time_steps
from ..datasets.transforms.file_format import file_list
from ..datasets.transforms.reading import read_array
from ..remote import located
from ..startup.checks import require
from ..values import data_sets
from .arguments import (
    add_config,
    add_config_options,
    add_number,
    verb_parser,
)
from .ending import say_next


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('benchmark-loading', __doc__)
    add_config(parser)
    parser.add_argument(
        '--split',
        choices=['train', 'val', 'test'],
        default='train',
        help='whose pipeline; default: train',
    )
    add_number(parser, '--images', 100, 'images to load')
    add_config_options(parser)
    return parser


def decode(sample: dict, backend_args: Mapping | None = None) -> None:
    """Read the files of a sample, each once, and do nothing else."""
    if 'modality_paths' not in sample:
        raise ValueError(
            'this data set reads no files, so its pipeline cannot be compared '
            'with decoding them; choose another config'
        )
    paths = sample['modality_paths'].values()
    files = {file for some in paths for file in file_list(some)}
    if sample['labelled']:
        files.add(sample['seg_map_path'])
    for path in (located(file, backend_args) for file in files):
        if path.is_file():  # others are absent, or refused by loading
            read_array(path)


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of steps."""
    args = parser().parse_args(argv)
    cv2.setNumThreads(1)
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    parts = data_sets(require(cfg, f'{args.split}_dataloader.dataset'))
    for number, part in enumerate(parts, 1):
        dataset = DATASETS.build(part)
        indices = [i % len(dataset) for i in range(args.images + 1)]
        if len(parts) > 1:
            print(f'data set {number} of {len(parts)}:')
        backend_args = getattr(dataset, 'backend_args', None)
        read = partial(decode, backend_args=backend_args)
        print(loading_table(time_steps(dataset, indices, read)))
    say_next('benchmark', args.config, why='what the network costs')

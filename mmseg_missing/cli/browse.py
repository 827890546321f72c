"""Draw samples: every modality and the label.

Example:
  mmseg-missing browse cmnext_small_1xb8-12e_scenes-rgbdt-64x96 --num 4
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.registry import init_default_scope
from mmengine.utils import track_iter_progress
from mmseg.registry import DATASETS

from ..apis.model import read_config
from ..modality import Stack
from ..startup.checks import require
from ..visualization.pictures import (
    contact_sheet,
    sample_pictures,
    write_picture,
)
from .arguments import (
    add_config,
    add_config_options,
    add_number,
    verb_parser,
)
from .ending import say_next


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('browse', __doc__)
    add_config(parser)
    parser.add_argument(
        '--out',
        metavar='FILE',
        help='png; default: work_dirs/browse/CONFIG_SPLIT.png',
    )
    add_number(parser, '--num', 6, 'samples, spread over the split')
    parser.add_argument(
        '--split',
        choices=['train', 'val', 'test'],
        default='train',
        help='whose pipeline; default: train',
    )
    add_config_options(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the contact sheet and say where it is."""
    args = parser().parse_args(argv)
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    stack = Stack(require(cfg, 'modalities'))
    dataset = DATASETS.build(require(cfg, f'{args.split}_dataloader.dataset'))
    num = min(args.num, len(dataset))
    indices = np.linspace(0, len(dataset) - 1, num).round().tolist()
    palette = dataset.metainfo['palette']
    rows = [
        sample_pictures(dataset[int(index)], stack, palette)
        for index in track_iter_progress(indices)
    ]
    default = f'work_dirs/browse/{Path(args.config).stem}_{args.split}.png'
    out = args.out or default
    write_picture(out, contact_sheet(rows, [*stack.names, 'label']))
    print(f'{num} of {len(dataset)} samples drawn to {out}')
    if cfg.get('model'):
        say_next('train', args.config, why='the network')
    else:
        say_next('check', args.config, why='every file')

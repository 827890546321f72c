"""Measure how ill sensors are found, and if dropping pays.

Every fault on every modality: how often it is found, and the mIoU where all
sensors are trusted, and where what looks ill is dropped, or recovered. With
`--choose`: from when on it is harmful, on training images, into the file.

Example:
  mmseg-missing monitor NAME work_dirs/NAME/epoch_30.pth adapter.safetensors
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..apis.model import init_model, load_config, watch_of
from ..apis.monitor import choose_for, measure_monitor
from ..corruptions import check_fault
from ..evaluation import check_writable
from ..startup.checks import check_device
from ..startup.plan import network_facts, plan_text, reads, writes
from .arguments import (
    add_config,
    add_config_options,
    add_device,
    add_dry_run,
    add_faults,
    add_number,
    verb_parser,
)
from .ending import say_next, saying


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('monitor', __doc__)
    add_config(parser, 'config of the base or of its adapted sibling')
    parser.add_argument('checkpoint', help='checkpoint of the base')
    parser.add_argument(
        'adapter', help='adapter file, after `fit --by monitor`'
    )
    add_faults(parser)
    add_number(parser, '--images', 64, 'images to look at')
    parser.add_argument(
        '--choose',
        action='store_true',
        help='choose what is harmful on training images that were held out '
        'from `fit --by monitor`, and write it into the adapter file',
    )
    parser.add_argument(
        '--out',
        metavar='DIR',
        help='for monitor.json and .csv, or tolerance.json',
    )
    add_device(parser)
    add_dry_run(parser)
    add_config_options(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    args = parser().parse_args(argv)
    check_device(args.device)
    cfg = load_config(args.config, args.cfg_options)
    for fault in args.faults:
        for severity in args.severities:
            check_fault(fault, severity)
    if args.dry_run:
        print(plan(cfg, args))
        return
    if args.out:
        check_writable(args.out)
    with saying('nothing was measured, start it again'):
        measure = choose_for if args.choose else measure_monitor
        found = measure(
            cfg,
            args.checkpoint,
            args.adapter,
            args.faults,
            args.severities,
            args.images,
            args.device,
        )
    print(found.to_text())
    if args.out:
        found.write(args.out)
    say_next(
        'test',
        args.config,
        args.checkpoint,
        '--adapter',
        args.adapter,
        *('--protocol', 'faults', '--policy', 'drop'),
        why='the same on the whole test split',
    )


def plan(cfg, args: argparse.Namespace) -> str:
    """Say what would be measured, from what and to which files."""
    network = init_model(cfg, args.checkpoint, args.adapter)
    monitor = watch_of(network, args.adapter, 'drop').monitor
    kind = 'training' if args.choose else 'test'
    count = len(args.faults) * len(args.severities) * len(network.stack)
    return plan_text(
        [
            *network_facts(network),
            ('monitor', f'knows {monitor.images} clean images'),
            ('measures', f'{count} faults on {args.images} {kind} images'),
            reads(args.config, args.checkpoint, args.adapter),
            writes(args.out and f'{args.out}/', args.choose and args.adapter),
        ]
    )

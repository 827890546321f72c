"""Repair a network without training, in closed form.

Adapters are scored before and after, on training images that were kept out.
`--by monitor` adds clean statistics of the sensors to an adapter file.

Example:
  mmseg-missing fit NAME work_dirs/NAME/epoch_30.pth fitted.safetensors
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prettytable import PrettyTable

from ..apis.fit import KINDS, NEEDED, Fitted, adapted_base, fit
from ..apis.model import init_model, load_config
from ..engine.monitoring import MONITOR
from ..evaluation import check_writable
from ..startup.checks import check_device, require
from ..startup.looking import held_out
from ..startup.plan import (
    build_data,
    data_facts,
    network_facts,
    plan_text,
    reads,
    writes,
)
from .arguments import (
    add_config,
    add_config_options,
    add_device,
    add_dry_run,
    add_number,
    add_trust,
    verb_parser,
)
from .ending import say_next, saying


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('fit', __doc__)
    add_config(parser, 'config of the base or of its adapted sibling')
    parser.add_argument('checkpoint', help='checkpoint of the base')
    parser.add_argument('out', help='the file to write (.safetensors)')
    parser.add_argument(
        '--by',
        choices=KINDS,
        default='moments',
        help='moments (default): bring features closest to those of the full '
        'input; norm_statistics: re-estimate the batch norms; ridge: predict '
        'the features of absent streams; monitor: add to an adapter file '
        'what clean sensors look like, for `--policy`',
    )
    add_number(parser, '--batches', 32, 'training batches to look at')
    parser.add_argument(
        '--present',
        nargs='+',
        metavar='P',
        help='combinations such as rgb+depth, default: all',
    )
    parser.add_argument(
        '--sites',
        nargs='+',
        metavar='S',
        help="patterns, or one file of sites; default: the config's, or all "
        'sites of encoders and fusion, or all batch norms',
    )
    add_device(parser)
    add_number(parser, '--seed', 0, least=0)
    add_dry_run(parser)
    add_config_options(parser)
    add_trust(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Fit, score and write."""
    args = parser().parse_args(argv)
    check_device(args.device)
    cfg = load_config(args.config, args.cfg_options)
    for key in NEEDED:
        require(cfg, key)
    if args.dry_run:
        print(plan(cfg, args))
        return
    check_writable(Path(args.out).parent)
    with saying(f'{args.out} was not written, start it again'):
        fitted = fit(
            cfg,
            args.checkpoint,
            args.out,
            args.by,
            args.batches,
            args.present,
            args.sites,
            args.device,
            args.seed,
        )
    by_monitor = args.by == MONITOR
    if not by_monitor:
        compare(fitted)
    size = Path(args.out).stat().st_size / 2**20
    print(
        f'{args.out}: {", ".join(fitted.combinations)}; {args.by} of '
        f'{fitted.seen} images, {size:.2f} MiB'
    )
    say_next(
        'test',
        args.config,
        args.checkpoint,
        '--adapter',
        args.out,
        *(('--protocol', 'faults', '--policy', 'drop') if by_monitor else ()),
        why='with sensors that are ill'
        if by_monitor
        else 'all combinations on the test split',
    )


def plan(cfg, args: argparse.Namespace) -> str:
    """Say what would be fitted, from what and to which file."""
    if args.by == MONITOR:
        network = init_model(cfg, args.checkpoint, args.out)
    else:
        network = adapted_base(cfg, args.checkpoint, args.by, args.sites)
    dataset, loader = build_data(cfg, 'train'), cfg.train_dataloader
    size = loader.batch_size
    batches, kept = held_out(len(dataset), args.batches, size, args.seed)
    return plan_text(
        [
            *network_facts(network),
            *data_facts(dataset, 'train', loader),
            (
                'fit',
                f'{args.by} of {batches} batches of {size}'
                if args.by == MONITOR
                else f'{args.by} of {batches} batches of {size}; scored on '
                f'{len(kept)} other images, before and after',
            ),
            reads(args.config, args.checkpoint),
            writes(args.out),
        ]
    )


def compare(fitted: Fitted) -> None:
    """Print what the fit did for each combination, and warn if it harms."""
    before, after = fitted.before, fitted.after
    if not before:
        print('not scored: no labelled training images are left beside these')
        return
    table = PrettyTable(['present', 'before', 'after', 'gain'], align='r')
    table.title = f'mIoU on {fitted.kept} other training images'
    for name, score in before.items():
        gain = after[name] - score
        cells = f'{score:.2f}', f'{after[name]:.2f}', f'{gain:+.2f}'
        table.add_row([name, *cells])
    print(table)
    worse = [name for name in before if after[name] < before[name]]
    if worse:
        print(
            f'warning: the fit made the network worse with '
            f'{", ".join(worse)}; leave these out (--present), take more '
            '--batches or another --by, or train adapters',
            file=sys.stderr,
        )

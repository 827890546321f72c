"""Repair a trained network for missing sensors by adapters.

It takes no second config. Adapters learn all that may be missing in one run,
and the network is scored before and after. Stop it when you like: the same
command goes on.

Example:
  mmseg-missing repair NAME work_dirs/NAME/epoch_30.pth
  mmseg-missing repair NAME work_dirs/NAME/epoch_30.pth --budget 0.5% \\
    --combinations rgb depth --dry-run
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..adapters import ROW_MODES
from ..apis.repair import plan_repair
from ..reporting import PAGE_FILE
from ..startup.plan import plan_text
from .arguments import (
    add_config,
    add_config_options,
    add_dry_run,
    add_show,
    add_trust,
    at_least,
    shown,
    verb_parser,
)
from .ending import say, say_next, saying


def share(text: str) -> float:
    """Read a part of the network such as ``0.5%``."""
    try:
        value = float(text.removesuffix('%')) / 100
    except ValueError:
        value = -1.0
    if not (text.endswith('%') and 0 < value <= 1):
        raise argparse.ArgumentTypeError(
            f'a share of the network such as 0.5%, got {text!r}'
        )
    return value


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('repair', __doc__)
    add_config(parser, 'config of the base: name or file')
    add = parser.add_argument
    add('checkpoint', help='its checkpoint')
    add(
        '--combinations',
        nargs='+',
        metavar='P',
        help='what to learn, as rgb+depth; default: all that miss something',
    )
    add(
        '--budget',
        type=share,
        metavar='SHARE',
        help='what the adapters of one combination may add, as 0.5%%, at the '
        'most important sites; default: at all sites',
    )
    add(
        '--epochs',
        type=at_least(1),
        metavar='N',
        help="default: two thirds of the base's, from 12 to 100",
    )
    add(
        '--rows',
        choices=[*ROW_MODES],
        help='default: additive from three modalities on',
    )
    add(
        '--fill',
        help='what stands in for what is absent: zero, black, predicted ...; '
        "default: predicted where the base has zero, else the base's",
    )
    add(
        '--init',
        metavar='START',
        help='where rows start: moments, or an adapter file',
    )
    add('--teacher', action='store_true', help='the base teaches as well')
    add(
        '--work-dir',
        metavar='DIR',
        help='default: work_dirs/<config>-repaired',
    )
    add('--fresh', action='store_true', help='repeat what is finished')
    add_show(parser)
    add_dry_run(parser)
    add_config_options(parser)
    add_trust(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Repair, and say what came of it."""
    args = parser().parse_args(argv)
    plan = plan_repair(
        args.config,
        args.checkpoint,
        args.work_dir,
        args.combinations,
        args.budget,
        args.epochs,
        args.teacher,
        args.init,
        args.rows,
        args.fill,
        args.cfg_options,
        shown(args),
    )
    if args.dry_run:
        print(plan_text(plan.facts()))
        return
    with saying('what is finished is kept, and the same command goes on'):
        repaired = plan.run(args.fresh, quiet=sys.stdout.isatty())
    folder, worst = repaired.folder, repaired.before.worst
    table = (folder / 'table.txt').read_text(encoding='utf-8')
    print(f'\n{table}')
    say(
        f'{repaired.summary}\n{folder} has the adapter file, its config, the '
        f'table, the chart and {PAGE_FILE}, which shows everything.'
    )
    files = args.config, args.checkpoint
    adapter = '--adapter', repaired.adapter
    frames = [f'--{name}=FRAME' for name in worst.split('+')]
    say_next(
        *('predict', *files, *adapter, *frames, '--out', 'mask.png'),
        why='use it',
    )
    say_next(
        'fold',
        *files,
        folder / f'{worst}.pth',
        *adapter,
        '--combination',
        worst,
        why=f'a plain network for {worst}',
    )

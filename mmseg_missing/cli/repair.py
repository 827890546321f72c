"""Repair a trained network for missing sensors by adapters."""

from __future__ import annotations

import argparse
import sys

from ..apis.repair import Repaired, plan_repair
from .arguments import add_config_options, add_trust, at_least
from .ending import run_tool, saying

EXAMPLE = """\
example:
  mmseg-missing repair configs/mine/net.py work_dirs/net/epoch_30.pth
  mmseg-missing repair configs/mine/net.py work_dirs/net/epoch_30.pth \\
      --combinations rgb depth --budget 0.5% --dry-run
Stop it when you like: the same command goes on.
"""


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


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        prog='mmseg-missing repair',
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('config', help='config of the base')
    add('checkpoint', help='its checkpoint')
    add('--work-dir', help='default: work_dirs/<config>-repaired')
    add(
        '--combinations',
        nargs='+',
        help='what to learn, as rgb+depth; default: all that miss something',
    )
    add(
        '--budget',
        type=share,
        help='what adapters of one combination may add, as 0.5%%: the most '
        'important sites; default: all sites',
    )
    add(
        '--epochs',
        type=at_least(1),
        help="default: two thirds of the base's, 12 to 100",
    )
    add('--rows', choices=['table', 'additive', 'hyper'], help='row mode')
    add('--init', help='moments, or an adapter file to start from')
    add('--teacher', action='store_true', help='the base teaches as well')
    add('--fresh', action='store_true', help='repeat what is finished')
    add('--dry-run', action='store_true', help='say what would be done')
    add_config_options(parser)
    add_trust(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = make_parser().parse_args(argv)
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
        args.cfg_options,
    )
    print(plan.describe())
    if args.dry_run:
        print('\nNothing was trained; leave out --dry-run to begin.')
        return
    with saying('what is finished is kept, and the same command goes on'):
        repaired = plan.run(args.fresh, quiet=sys.stdout.isatty())
    print(f'\n{(repaired.folder / "table.txt").read_text()}')
    print(f'{repaired.summary}\n')
    print(what_next(repaired, args.config, args.checkpoint))


def what_next(repaired: Repaired, config: str, checkpoint: str) -> str:
    """Return the commands that use the adapter file."""
    worst = repaired.before.worst
    files = f'{config} {checkpoint}'
    return (
        f'{repaired.folder} has the adapter file, its config, the table and '
        'the chart. Next, use it, or fold it into a plain network for one '
        'combination:\n\n'
        f'  mmseg-missing predict {files} --adapter {repaired.adapter}\n'
        f'  mmseg-missing fold {files} {repaired.folder}/{worst}.pth '
        f'--adapter {repaired.adapter} --combination {worst}'
    )


if __name__ == '__main__':
    run_tool(main)

"""Score a network under missing modalities: every combination at once."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from mmengine.dist import is_main_process
from mmengine.hooks import LoggerHook

from mmseg_missing.apis.model import (
    configure,
    load_config,
    load_weights,
)
from mmseg_missing.apis.runner import build_runner
from mmseg_missing.cli.arguments import (
    add_runner_arguments,
    apply_runner_arguments,
)
from mmseg_missing.cli.ending import run_tool, saying
from mmseg_missing.corruptions import FAULTS, SEVERITIES
from mmseg_missing.engine.checkpoints import read_checkpoint
from mmseg_missing.engine.hooks import ProgressBarHook
from mmseg_missing.engine.network import network_of
from mmseg_missing.evaluation import check_writable
from mmseg_missing.evaluation.protocols import PROTOCOLS, Protocol
from mmseg_missing.modality import Stack

# The stack comes in below this: it says what to install.
from mmseg_missing.startup.checks import require
from mmseg_missing.startup.classes import check_classes
from mmseg_missing.startup.dedicated import keep_modalities
from mmseg_missing.values import data_sets

if TYPE_CHECKING:
    from mmengine.config import Config, ConfigDict
    from mmengine.runner import Runner

# Keys of the config.
NEEDED = ('model.stack', 'test_dataloader', 'test_cfg', 'test_evaluator')
# Of progress, where no person watches.
LINES = 20


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        'checkpoint', help='a base, a joined or a folded checkpoint'
    )
    parser.add_argument(
        '--adapter',
        nargs='+',
        help='adapter file (.safetensors); several, for different '
        'combinations, are joined',
    )
    parser.add_argument(
        '--modalities',
        help='the combination that a dedicated network was trained for',
    )
    parser.add_argument(
        '--present',
        nargs='+',
        help='every (combinations of whole sensors), subsets (all 2^M - 1), '
        'full, or combinations such as rgb+depth; default: what the config '
        'says, else every, and full under NM and faults',
    )
    parser.add_argument(
        '--fill',
        help='what stands in for an absent modality: zero, black, noise, '
        'copy:<modality>; default: the one of the config or adapter file',
    )
    parser.add_argument(
        '--protocol',
        choices=PROTOCOLS,
        default='EMM',
        help='EMM (default): modalities are missing; RMM: their values are, '
        'by chance; NM: noise; faults: each fault on each modality',
    )
    parser.add_argument(
        '--faults',
        nargs='+',
        default=list(FAULTS),
        help=f'of the protocol faults: {", ".join(FAULTS)} (default: all)',
    )
    parser.add_argument(
        '--severities',
        nargs='+',
        type=int,
        default=list(SEVERITIES),
        help='of the protocol faults: 1 to 5 (default: all)',
    )
    parser.add_argument('--tta', action='store_true', help='multi-scale, flip')
    parser.add_argument(
        '--out',
        help='folder for report.json, .csv and .png; '
        'with a protocol, for its table: rmm.json, rmm.csv and so on',
    )
    add_runner_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = load_config(args.config, args.cfg_options)
    for key in NEEDED:
        require(cfg, key)
    if args.modalities is not None:
        keep_modalities(cfg, args.modalities)
    checkpoint = read_checkpoint(args.checkpoint)
    configure(cfg, checkpoint, args.adapter)
    protocol = parse_protocol(cfg, args)
    apply_arguments(cfg, args, protocol)
    runner = build_runner(cfg)
    network, loader = network_of(runner.model), runner.test_loop.dataloader
    load_weights(network, checkpoint, args.checkpoint, args.adapter)
    check_classes(network, loader.dataset, checkpoint, args.checkpoint)
    show_progress(runner, len(loader))
    with saying('nothing was scored, start it again'):
        score(runner, protocol, args.out)


def score(runner: Runner, protocol: Protocol, out: str | None) -> None:
    """Run the protocol; entirely missing modalities have a report."""
    if protocol.name == 'EMM':
        runner.test()
    else:
        protocol.run(runner, out)


def parse_protocol(cfg: Config, args: argparse.Namespace) -> Protocol:
    """Return what the command line asks for."""
    names = Stack(cfg.model.stack).names
    return Protocol.parse(args.protocol, names, args.faults, args.severities)


def show_progress(runner: Runner, num_batches: int) -> None:
    """Show a bar where a person watches, else a line with the ETA."""
    if sys.stdout.isatty() and is_main_process():
        runner.register_hook(ProgressBarHook('scoring'))
    for hook in runner.hooks:
        if isinstance(hook, LoggerHook):
            often = max(1, num_batches // LINES)
            hook.interval = min(hook.interval, often)


def apply_arguments(
    cfg: Config, args: argparse.Namespace, protocol: Protocol
) -> None:
    """Write the command line into the config, in place."""
    if cfg.test_cfg.get('type', 'TestLoop') == 'TestLoop':
        raise ValueError(
            "scores of combinations need `test_cfg.type='CombinationTestLoop'`"
        )
    present = cfg.test_cfg.get('present', protocol.present)
    cfg.test_cfg.present = args.present or present
    if args.fill is not None:
        cfg.model.fill = args.fill
    if args.out:
        metric_of(cfg).out_dir = str(check_writable(args.out))
    if protocol.name != 'EMM':  # one table, not a report per condition
        metric_of(cfg).out_dir = None
    if args.tta:
        if not (cfg.get('tta_pipeline') and cfg.get('tta_model')):
            raise ValueError(
                f'--tta needs `tta_pipeline` and `tta_model` in '
                f'{args.config!r}'
            )
        for dataset in data_sets(cfg.test_dataloader.dataset):
            dataset.pipeline = cfg.tta_pipeline
        cfg.model = dict(cfg.tta_model, module=cfg.model)
    apply_runner_arguments(cfg, args)
    cfg.load_from, cfg.resume = None, False


def metric_of(cfg: Config) -> ConfigDict:
    """Return the config of our metric, alone or among others.

    Raises:
        ValueError: there is none.
    """
    found = cfg.test_evaluator
    for metric in found if isinstance(found, list) else [found]:
        if 'CombinationIoUMetric' in str(dict(metric).get('type')):
            return metric
    raise ValueError(
        '--out and --protocol need the scores of CombinationIoUMetric; add '
        "dict(type='CombinationIoUMetric') to the list `test_evaluator`"
    )


if __name__ == '__main__':
    run_tool(main)

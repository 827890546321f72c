"""Train a network, or adapt one: python tools/train.py CONFIG."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.dist import is_main_process

from mmseg_missing.apis.model import load_config, load_weights
from mmseg_missing.apis.runner import build_runner
from mmseg_missing.cli.arguments import (
    add_runner_arguments,
    apply_runner_arguments,
)
from mmseg_missing.cli.ending import run_tool, saying
from mmseg_missing.engine import (
    check_numbers,
    find_checkpoint,
    is_first_process,
    locked,
)
from mmseg_missing.engine.checkpoints import read_checkpoint
from mmseg_missing.engine.network import network_of
from mmseg_missing.startup.adapter_configs import has_adapter

# The stack comes in below this: it says what to install.
from mmseg_missing.startup.checks import require
from mmseg_missing.startup.classes import check_classes, compare_classes
from mmseg_missing.startup.dedicated import keep_modalities
from mmseg_missing.startup.looking import unpredicted
from mmseg_missing.startup.start import (
    adapter_share,
    base_of,
    check_folder,
    check_start,
    resumes,
)

if TYPE_CHECKING:
    from mmengine.runner import Runner
    from torch import nn
    from torch.utils.data import Dataset

# Keys of the config.
NEEDED = ('train_dataloader', 'train_cfg', 'optim_wrapper')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--resume',
        action='store_true',
        help='continue from the latest checkpoint in the work folder',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='automatic mixed precision; in bfloat16 on a CPU',
    )
    parser.add_argument(
        '--modalities',
        help='train a dedicated network for this combination, as rgb+depth',
    )
    add_runner_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = load_config(args.config, args.cfg_options)
    for key in NEEDED:
        require(cfg, key)
    check_numbers(cfg)
    if args.modalities is not None:
        keep_modalities(cfg, args.modalities)
    apply_runner_arguments(cfg, args)
    cfg.resume = args.resume or cfg.get('resume', False)
    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    check_start(cfg)
    with locked(cfg.work_dir, is_first_process(cfg.launcher)):
        runner = build_runner(cfg)
        look_at(runner)
        with saying(lambda: what_is_left(runner)):
            runner.train()


def look_at(runner: Runner) -> None:
    """Compare classes, and tell what the adapters are and stand on."""
    network = network_of(runner.model)
    dataset = runner.train_loop.dataloader.dataset
    check_classes(network, dataset)
    check_folder(runner.cfg)
    base, is_adapted = base_of(runner.cfg), has_adapter(runner.cfg)
    if is_adapted:
        runner.logger.info(adapter_share(network))
    # A hook and MMEngine say what is wrong with a path.
    if resumes(runner.cfg) or not (base and Path(base).is_file()):
        return
    found = read_checkpoint(base)
    classes = dataset.metainfo.get('classes') or ()
    # Where the head learns on, another number of classes is none's fault.
    learns = runner.cfg.model.get('adapter') is None
    compare_classes(found, classes, base, learns)
    if is_adapted:
        load_weights(network, found, base)
        warn_of_unpredicted(runner, network, dataset)


def warn_of_unpredicted(
    runner: Runner, network: nn.Module, dataset: Dataset
) -> None:
    """Say which classes the base never predicts; adapters do not add them."""
    never = unpredicted(network, dataset) if is_main_process() else []
    if never:
        runner.logger.warning(
            f'on 16 training images the base never predicts '
            f'{", ".join(never)}, which they show; adapters hardly teach '
            'what the base does not know: train the base longer first'
        )


def what_is_left(runner: Runner) -> str:
    """Say from where a run that was stopped goes on."""
    last = find_checkpoint(runner.work_dir)
    if last is None:
        return 'no checkpoint was written yet, start it again'
    return f'--resume continues from {last}'


if __name__ == '__main__':
    run_tool(main)

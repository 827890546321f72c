"""Train a network, or adapt one: python tools/train.py CONFIG."""

import argparse

import torch

from mmseg_missing.apis.checks import require
from mmseg_missing.apis.cli import (
    add_runner_arguments,
    apply_runner_arguments,
    build_runner,
    run_tool,
)
from mmseg_missing.apis.dedicated import keep_modalities
from mmseg_missing.apis.model import check_classes, load_config, network_of
from mmseg_missing.engine import check_numbers, is_first_process, locked

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
        '--amp', action='store_true', help='automatic mixed precision'
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
    if args.modalities:
        keep_modalities(cfg, args.modalities)
    apply_runner_arguments(cfg, args)
    cfg.resume = args.resume or cfg.get('resume', False)
    if args.amp and not torch.cuda.is_available():
        raise ValueError('--amp needs a GPU; leave it out')
    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    with locked(cfg.work_dir, is_first_process(cfg.launcher)):
        runner = build_runner(cfg)
        dataset = runner.train_loop.dataloader.dataset
        check_classes(network_of(runner.model), dataset)
        runner.train()


if __name__ == '__main__':
    run_tool(main)

"""Train a network, or adapt one: python tools/train.py CONFIG."""

from __future__ import annotations

import argparse

import torch

from mmseg_missing.apis.model import load_config
from mmseg_missing.apis.train import check_training, train, what_is_left
from mmseg_missing.cli.arguments import (
    add_runner_arguments,
    apply_runner_arguments,
)
from mmseg_missing.cli.ending import run_tool, saying
from mmseg_missing.startup.dedicated import keep_modalities
from mmseg_missing.startup.start import set_base


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
        '--base', help='checkpoint that the adapters of the config stand on'
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
    check_training(cfg)
    if args.modalities is not None:
        keep_modalities(cfg, args.modalities)
    if args.base is not None:
        set_base(cfg, args.base)
    apply_runner_arguments(cfg, args)
    cfg.resume = args.resume or cfg.get('resume', False)
    if args.amp and not torch.cuda.is_available():
        raise ValueError('--amp needs a GPU; leave it out')
    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    with saying(lambda: what_is_left(cfg.work_dir)):
        train(cfg)


if __name__ == '__main__':
    run_tool(main)

"""Train a network, or the adapters of one.

With `model.adapter` it trains adapters for all that may be missing, at once.

Example:
  mmseg-missing train cmnext_small_1xb8-12e_scenes-rgbdt-64x96
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from ..apis.model import load_config, load_weights
from ..apis.train import check_training, train, what_is_left
from ..engine import find_checkpoint
from ..engine.checkpoints import may_be_there, read_checkpoint
from ..startup.adapter_configs import has_adapter
from ..startup.dedicated import keep_modalities
from ..startup.plan import (
    build_data,
    build_network,
    data_facts,
    network_facts,
    plan_text,
    reads,
    schedule,
    writes,
)
from ..startup.start import base_of, check_start, resumes, set_base
from .arguments import (
    add_config,
    add_dry_run,
    add_runner_arguments,
    add_show,
    apply_runner_arguments,
    dumped,
    shown,
    verb_parser,
)
from .ending import say_next, saying


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('train', __doc__)
    add_config(parser)
    parser.add_argument(
        '--resume',
        action='store_true',
        help='continue from the latest checkpoint there',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='automatic mixed precision; in bfloat16 on a CPU',
    )
    parser.add_argument(
        '--base',
        metavar='FILE',
        help='checkpoint that the adapters of the config stand on',
    )
    parser.add_argument(
        '--modalities',
        metavar='NAMES',
        help='train a dedicated network for these, as rgb+depth',
    )
    add_show(parser)
    add_dry_run(parser)
    add_runner_arguments(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Train."""
    args = parser().parse_args(argv)
    cfg = load_config(args.config, args.cfg_options)
    check_training(cfg)
    if args.modalities is not None:
        keep_modalities(cfg, args.modalities)
    if args.base is not None:
        set_base(cfg, args.base)
    apply_runner_arguments(cfg, args)
    cfg.resume = args.resume or cfg.get('resume', False)
    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    shown(args).apply(cfg)
    if args.dry_run:
        print(plan(cfg))
        return
    with saying(lambda: what_is_left(cfg.work_dir)):
        train(cfg)
    what_next(cfg, args)


def plan(cfg: Config) -> str:
    """Say what would be trained, from what and to which folder."""
    check_start(cfg)
    network = build_network(cfg)
    base, folder = base_of(cfg), Path(cfg.work_dir)
    if has_adapter(cfg) and base and may_be_there(base):
        load_weights(network, read_checkpoint(base), base)
    facts = [
        *network_facts(network),
        *data_facts(build_data(cfg, 'train'), 'train', cfg.train_dataloader),
        ('trains', schedule(cfg)),
    ]
    if resumes(cfg):
        facts.append(('resumes', str(find_checkpoint(folder))))
    file = folder / 'adapter.safetensors' if has_adapter(cfg) else None
    return plan_text(
        [*facts, reads(cfg.filename, base), writes(folder / '*.pth', file)]
    )


def what_next(cfg: Config, args: argparse.Namespace) -> None:
    """Print how the trained network is scored."""
    is_changed = args.cfg_options or args.modalities
    config = dumped(cfg) if is_changed else args.config
    last, base = find_checkpoint(cfg.work_dir), base_of(cfg)
    file = Path(cfg.work_dir, 'adapter.safetensors')
    if has_adapter(cfg) and base and file.is_file():
        given = (base, '--adapter', file)
        say_next('test', config, *given, why='the table of all combinations')
    elif last:
        say_next('test', config, last, why='the table of all combinations')

"""Repair a network without training: adapters in closed form."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.registry import init_default_scope
from prettytable import PrettyTable

# The stack comes in below this: it says what to install.
from mmseg_missing.adapters import (
    adapted,
    adapter_prefixes,
    load_base,
    save_adapter,
)
from mmseg_missing.adapters.fitting.closed_form import FITS
from mmseg_missing.adapters.fitting.norm_statistics import find_batch_norms
from mmseg_missing.apis.model import configure, load_config
from mmseg_missing.cli.arguments import add_config_options, add_trust, at_least
from mmseg_missing.cli.ending import run_tool, saying
from mmseg_missing.engine.checkpoints import read_checkpoint
from mmseg_missing.engine.fitting import fit_segmentor
from mmseg_missing.evaluation import check_writable
from mmseg_missing.startup.adapter_configs import adapter_config, has_adapter
from mmseg_missing.startup.checks import check_device, require
from mmseg_missing.startup.classes import check_classes
from mmseg_missing.startup.looking import held_out, mean_ious
from mmseg_missing.startup.sentences import naming_section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmengine.config import Config
    from torch import nn

# Keys of the config.
NEEDED = (
    'model.stack',
    'train_dataloader.dataset',
    'train_dataloader.batch_size',
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'config', help='config of the base or of its adapted sibling'
    )
    parser.add_argument('checkpoint', help='checkpoint of the base')
    parser.add_argument('out', help='the file to write (.safetensors)')
    parser.add_argument(
        '--by',
        choices=list(FITS),
        default='moments',
        help='moments: bring features closest to those of the full input; '
        'norm_statistics: re-estimate the batch norms; default: moments',
    )
    parser.add_argument(
        '--batches',
        type=at_least(1),
        default=32,
        help='training batches to look at, default: 32',
    )
    parser.add_argument(
        '--present',
        nargs='+',
        help='combinations such as rgb+depth, default: all',
    )
    parser.add_argument(
        '--sites',
        nargs='+',
        help="patterns, or one file of sites; default: the config's, or all "
        'sites of encoders and fusion, or all batch norms',
    )
    parser.add_argument('--device', default='cpu')
    parser.add_argument(
        '--seed', type=at_least(0), default=0, help='default: 0'
    )
    add_config_options(parser)
    add_trust(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    check_device(args.device)
    check_writable(Path(args.out).parent)
    cfg = load_config(args.config, args.cfg_options)
    for key in NEEDED:
        require(cfg, key)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model = build_base(cfg, args).to(args.device)
    with saying(f'{args.out} was not written, start it again'):
        seen = fit(model, cfg, args)
    ((name, root),) = adapted(model)
    extra = {'fill': model.fill, 'root': name, 'fitted_by': args.by}
    combinations = save_adapter(root, args.out, extra)
    size = Path(args.out).stat().st_size / 2**20
    print(
        f'{args.out}: {", ".join(combinations)}; {args.by} of {seen} images, '
        f'{size:.2f} MiB'
    )


def build_base(cfg: Config, args: argparse.Namespace) -> nn.Module:
    """Build the adapted network with the base's weights."""
    from mmseg.registry import MODELS

    checkpoint = read_checkpoint(args.checkpoint)
    configure(cfg, checkpoint)
    choose_sites(cfg, args)
    with naming_section('model', cfg.filename):
        model = MODELS.build(cfg.model)
    prefixes = adapter_prefixes(model)
    state = {
        key: value
        for key, value in checkpoint['state_dict'].items()
        if not key.startswith(prefixes)
    }
    load_base(model, state, args.checkpoint)
    return model


def choose_sites(cfg: Config, args: argparse.Namespace) -> None:
    """Give the config adapters if it has none, and the sites asked for."""
    if not has_adapter(cfg):
        by_norms = args.by == 'norm_statistics'
        cfg.model.adapter = {
            'type': 'NormTuning' if by_norms else 'ScaleShift',
            'rows': 'table',  # a closed form for each combination
        }
        if by_norms and not args.sites:
            args.sites = batch_norms(cfg)
    adapter = adapter_config(cfg)
    if args.sites:
        first, *others = args.sites
        is_file = Path(first).is_file() or first.endswith('.json')
        adapter.sites = first if is_file and not others else args.sites


def batch_norms(cfg: Config) -> list[str]:
    """Return patterns of all batch norms, those of the head included."""
    from mmseg.registry import MODELS

    return find_batch_norms(MODELS.build({**cfg.model, 'adapter': None}))


def fit(model: nn.Module, cfg: Config, args: argparse.Namespace) -> int:
    """Set the rows from training images; return how many were seen."""
    from mmengine.runner import set_random_seed
    from mmseg.registry import DATASETS

    set_random_seed(args.seed)
    loader = cfg.train_dataloader
    with naming_section('train_dataloader', cfg.filename):
        dataset = DATASETS.build(loader.dataset)
    check_classes(
        model, dataset, read_checkpoint(args.checkpoint), args.checkpoint
    )
    size = loader.batch_size
    batches, kept = held_out(len(dataset), args.batches, size, args.seed)
    ((_, root),) = adapted(model)
    names = args.present or root.adapters.rows.names
    before = mean_ious(model, dataset, kept, names)
    seen = fit_segmentor(
        model, dataset, batches, size, args.by, args.present, seed=args.seed
    )
    compare(before, mean_ious(model, dataset, kept, names), len(kept))
    return seen


def compare(
    before: Mapping[str, float], after: Mapping[str, float], images: int
) -> None:
    """Print what the fit did for each combination, and warn if it harms."""
    if not before:
        print('not scored: no labelled training images are left beside these')
        return
    table = PrettyTable(['present', 'before', 'after', 'gain'], align='r')
    table.title = f'mIoU on {images} other training images'
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


if __name__ == '__main__':
    run_tool(main)

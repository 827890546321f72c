"""Measure what each modality is worth and which sites to adapt."""

from __future__ import annotations

import argparse
import copy
import time
from typing import TYPE_CHECKING, Any

from mmengine.registry import init_default_scope

from mmseg_missing.apis.model import configure, load_config, load_weights
from mmseg_missing.cli.arguments import add_config_options, add_trust, at_least
from mmseg_missing.cli.ending import run_tool
from mmseg_missing.engine.checkpoints import read_checkpoint
from mmseg_missing.evaluation import check_writable

# The stack comes in below this: it says what to install.
from mmseg_missing.importance import (
    CRITERIA,
    UNITS,
    EvenImages,
    Findings,
    ModalityAnalyzer,
    Placement,
    build_probe,
    networks_of,
)
from mmseg_missing.startup.checks import check_device, require
from mmseg_missing.values import data_sets

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmseg_missing.modality import Stack


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of the base or its sibling')
    parser.add_argument('checkpoint', help='a base or a joined checkpoint')
    parser.add_argument('--out', required=True, help='folder to write')
    parser.add_argument(
        '--adapter',
        nargs='+',
        help='adapter files: also tell what is left after them',
    )
    parser.add_argument(
        '--split',
        default='train',
        choices=['train', 'val'],
        help='whose images, without augmentation; nothing is chosen on test',
    )
    parser.add_argument('--images', type=at_least(1), default=200)
    parser.add_argument('--batch-size', type=at_least(1), default=8)
    parser.add_argument(
        '--batches',
        type=at_least(1),
        default=16,
        help='batches for the gradients, default: 16',
    )
    parser.add_argument(
        '--present',
        nargs='+',
        default=['every'],
        help='combinations for drift and gradients, default: every (of whole '
        'sensors); with subsets the values are those of modalities, as if '
        'each failed by itself',
    )
    add_placement_arguments(parser)
    parser.add_argument('--device', default='cpu')
    add_config_options(parser)
    add_trust(parser)
    return parser.parse_args()


def add_placement_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--sites',
        nargs='+',
        help='patterns of sites to choose from, default: all',
    )
    parser.add_argument(
        '--budget', type=float, default=0.25, help='default: 0.25'
    )
    parser.add_argument(
        '--budget-of',
        choices=UNITS,
        default='sites',
        help='what the budget is a part of, default: sites',
    )
    parser.add_argument('--by', choices=CRITERIA, default=CRITERIA[0])
    parser.add_argument(
        '--missing-rate',
        type=float,
        help='weigh combinations by how often they are left if each sensor '
        'fails with this probability; default: all alike',
    )
    parser.add_argument(
        '--controls',
        type=at_least(0),
        default=3,
        help='random choices of the same size to compare with, default: 3',
    )


def main() -> None:
    args = parse_args()
    check_device(args.device)
    out = check_writable(args.out)
    placement = Placement(
        args.by, args.budget, args.budget_of, args.missing_rate
    )
    start = time.perf_counter()
    cfg = load_config(args.config, args.cfg_options)
    require(cfg, 'model.stack')
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    analyzer, setting = measure(cfg, args)
    setting['seconds'] = round(time.perf_counter() - start, 1)
    findings = Findings(analyzer, placement, setting)
    print(findings.tables())
    for path in findings.write(out, args.controls):
        print(path)


def measure(
    cfg: Config, args: argparse.Namespace
) -> tuple[ModalityAnalyzer, dict[str, Any]]:
    """Measure what the command line asks for, behind a progress bar."""
    from rich.console import Console
    from rich.progress import Progress

    analyzer, images = build(cfg, args)
    total = analyzer.num_steps(images)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task('', total=total)
        for done in analyzer.run(images):
            progress.update(task, advance=1, description=done)
    return analyzer, describe(args, images)


def build(
    cfg: Config, args: argparse.Namespace
) -> tuple[ModalityAnalyzer, EvenImages]:
    """Build the networks with their weights, and the data set."""
    from mmseg.registry import DATASETS, MODELS

    dataset = DATASETS.build(dataset_config(cfg, args.split))
    checkpoint = read_checkpoint(args.checkpoint)
    configure(cfg, checkpoint, args.adapter)
    network = MODELS.build(cfg.model)
    load_weights(network, checkpoint, args.checkpoint, args.adapter)
    networks = networks_of(network, cfg.model)
    names = incomplete(args.present, network.stack)
    probe = build_probe(network, cfg.model, args.sites, names)
    analyzer = ModalityAnalyzer(
        {name: net.to(args.device) for name, net in networks.items()},
        probe.to(args.device),
        dataset.metainfo['classes'],
        args.batches,
        by_modality='subsets' in args.present,
    )
    return analyzer, EvenImages(dataset, args.images, args.batch_size)


def incomplete(present: list[str], stack: Stack) -> list[str] | None:
    """Return the combinations that were asked for and miss something.

    None: those that training can draw.

    Raises:
        ValueError: none of them misses anything.
    """
    if present == ['every']:
        return None
    names = [n for n in stack.choose(present) if n != stack.full]
    if not names:
        raise ValueError(
            f'--present names nothing that misses a part of {stack.full}'
        )
    return names


def dataset_config(cfg: Config, split: str) -> dict[str, Any]:
    """Return the data set of a split with the test pipeline.

    Raises:
        ValueError: the config has no such split, or wraps its data set.
    """
    config = copy.deepcopy(require(cfg, f'{split}_dataloader.dataset'))
    test = require(cfg, 'test_dataloader.dataset')
    if split == 'test':
        return config
    for dataset in data_sets(config):
        if 'pipeline' not in dataset:
            raise ValueError(
                f'`{split}_dataloader.dataset` is a {dataset.get("type")} '
                'without a `pipeline` to replace; give a plain data set by '
                '--cfg-options'
            )
        dataset['pipeline'] = require(data_sets(test)[0], 'pipeline')
    return config


def describe(args: argparse.Namespace, images: EvenImages) -> dict[str, Any]:
    """Return what a reader of the numbers has to know."""
    return {
        'config': args.config,
        'checkpoint': args.checkpoint,
        'adapter': args.adapter,
        'split': args.split,
        'images': len(images.indices),
        'values_of': 'modalities' if 'subsets' in args.present else 'sensors',
        'batches_of_gradients': min(args.batches, len(images)),
        'batch_size': args.batch_size,
    }


if __name__ == '__main__':
    run_tool(main)

"""Tell what each sensor is worth, and which layers to adapt.

Shapley values of sensors, what the loss of one does to each layer, and the
sites that follow; `sites.json` is what `model.adapter.sites` takes. With
--imputer, whether predicted features tell of their image, instead.

Example:
  mmseg-missing analyze NAME work_dirs/NAME/epoch_30.pth --out analysis
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mmengine.registry import init_default_scope

from ..apis.model import configure, load_config, load_weights
from ..apis.placing import dataset_config
from ..engine.checkpoints import read_checkpoint
from ..evaluation import check_writable
from ..importance import (
    CRITERIA,
    UNITS,
    EvenImages,
    Findings,
    Imputation,
    ModalityAnalyzer,
    Placement,
    build_probe,
    imputation_tables,
    networks_of,
)
from ..startup.checks import check_device, require
from ..startup.plan import (
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
from .ending import say_next

if TYPE_CHECKING:
    from mmengine.config import Config

    from ..modality import Stack


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('analyze', __doc__)
    add_config(parser, 'config of the base or its sibling')
    parser.add_argument('checkpoint', help='a base or a joined checkpoint')
    parser.add_argument(
        '--out', required=True, metavar='DIR', help='folder to write'
    )
    parser.add_argument(
        '--adapter',
        nargs='+',
        metavar='FILE',
        help='also tell what is left after these files',
    )
    parser.add_argument(
        '--imputer',
        action='store_true',
        help='test predicted features: those of another image, their mean, '
        'the true ones, and R2 per level; needs --batch-size above 1',
    )
    parser.add_argument(
        '--split',
        default='train',
        choices=['train', 'val', 'test'],
        help='whose images, without augmentation; default: train',
    )
    add_number(parser, '--images', 200)
    add_number(parser, '--batch-size', 8)
    add_number(parser, '--batches', 16, 'batches for the gradients')
    parser.add_argument(
        '--present',
        nargs='+',
        default=['every'],
        metavar='P',
        help='every (of whole sensors; default), subsets, or combinations',
    )
    add_placement_arguments(parser)
    add_device(parser)
    add_dry_run(parser)
    add_config_options(parser)
    add_trust(parser)
    return parser


def add_placement_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how sites are chosen."""
    parser.add_argument(
        '--sites',
        nargs='+',
        metavar='S',
        help='patterns to choose from, default: all',
    )
    parser.add_argument(
        '--budget',
        type=float,
        default=0.25,
        metavar='X',
        help='share to choose, default: 0.25',
    )
    parser.add_argument(
        '--budget-of',
        choices=UNITS,
        default='sites',
        help='what it is a share of, default: sites',
    )
    parser.add_argument(
        '--by',
        choices=CRITERIA,
        default=CRITERIA[0],
        help=f'default: {CRITERIA[0]}',
    )
    parser.add_argument(
        '--missing-rate',
        type=float,
        metavar='X',
        help='weigh combinations by this probability of failure',
    )
    add_number(
        parser, '--controls', 3, 'random choices of the same size', least=0
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    args = parser().parse_args(argv)
    check_device(args.device)
    placement = Placement(
        args.by, args.budget, args.budget_of, args.missing_rate
    )
    start = time.perf_counter()
    cfg = load_config(args.config, args.cfg_options)
    require(cfg, 'model.stack')
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    if args.dry_run:
        print(plan_imputer(cfg, args) if args.imputer else plan(cfg, args))
        return
    out = check_writable(args.out)
    if args.imputer:
        found = measure_imputer(cfg, args)
        print(imputation_tables(found))
        path = out / 'imputer.json'
        path.write_text(
            json.dumps(found, indent=1, allow_nan=False) + '\n',
            encoding='utf-8',
        )
        print(path)
        return
    analyzer, setting = measure(cfg, args)
    setting['seconds'] = round(time.perf_counter() - start, 1)
    findings = Findings(analyzer, placement, setting)
    print(findings.tables())
    for path in findings.write(out, args.controls):
        print(path)
    say_next(
        'fit',
        args.config,
        args.checkpoint,
        out / 'adapter.safetensors',
        '--sites',
        out / 'sites.json',
        why='adapters at these sites, without training',
    )


def plan(cfg: Config, args: argparse.Namespace) -> str:
    """Say what would be measured, from what and to which folder."""
    analyzer, images = build(cfg, args)
    split = f'{args.split}_dataloader'
    return plan_text(
        [
            *network_facts(analyzer.networks['base']),
            *data_facts(images.dataset, args.split, cfg[split]),
            (
                'measures',
                f'{len(analyzer.combinations)} combinations on '
                f'{len(images.indices)} images, '
                f'{analyzer.num_steps(images)} steps; '
                f'{len(analyzer.sites)} sites to choose from',
            ),
            reads(args.config, args.checkpoint, *(args.adapter or ())),
            writes(f'{args.out}/'),
        ]
    )


def measure(
    cfg: Config, args: argparse.Namespace
) -> tuple[ModalityAnalyzer, dict[str, Any]]:
    """Measure what the command line asks for, behind a progress bar."""
    analyzer, images = build(cfg, args)
    show_progress(analyzer.run(images), analyzer.num_steps(images))
    return analyzer, describe(args, images)


def show_progress(steps: Iterator[str], total: int) -> None:
    """Do the steps behind a progress bar."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task('', total=total)
        for done in steps:
            progress.update(task, advance=1, description=done)


def measure_imputer(cfg: Config, args: argparse.Namespace) -> dict[str, Any]:
    """Put predicted features to the test, behind a progress bar."""
    test, images = build_imputation(cfg, args)
    show_progress(test.run(images), len(images) * test.num_steps)
    return {'setting': describe(args, images), **test.report()}


def plan_imputer(cfg: Config, args: argparse.Namespace) -> str:
    """Say what of an imputer would be measured, and where to."""
    test, images = build_imputation(cfg, args)
    split = f'{args.split}_dataloader'
    return plan_text(
        [
            *network_facts(test.network),
            *data_facts(images.dataset, args.split, cfg[split]),
            (
                'measures',
                f'{len(test.absent)} combinations on {len(images.indices)} '
                f'images, {len(images) * test.num_steps} steps',
            ),
            reads(args.config, args.checkpoint, *(args.adapter or ())),
            writes(f'{args.out}/imputer.json'),
        ]
    )


def build_imputation(
    cfg: Config, args: argparse.Namespace
) -> tuple[Imputation, EvenImages]:
    """Build the network whose imputer is tested, and the data set."""
    dataset, network = load(cfg, args)
    names = incomplete(args.present, network.stack)
    test = Imputation(
        network.to(args.device).eval(),
        names or network.stack.incomplete(),
        len(dataset.metainfo['classes']),
    )
    return test, EvenImages(dataset, args.images, args.batch_size)


def load(cfg: Config, args: argparse.Namespace) -> tuple[Any, Any]:
    """Return the data set, and the network with its weights."""
    from mmseg.registry import DATASETS, MODELS

    dataset = DATASETS.build(dataset_config(cfg, args.split))
    checkpoint = read_checkpoint(args.checkpoint)
    configure(cfg, checkpoint, args.adapter)
    network = MODELS.build(cfg.model)
    load_weights(network, checkpoint, args.checkpoint, args.adapter)
    return dataset, network


def build(
    cfg: Config, args: argparse.Namespace
) -> tuple[ModalityAnalyzer, EvenImages]:
    """Build the networks with their weights, and the data set."""
    dataset, network = load(cfg, args)
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

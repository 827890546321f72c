"""Measure what adapters cost in time and memory.

Base, adapted, folded and full fine-tuning are measured in turn; or, with
--formats, what can be shipped: accuracy, size and speed of a trained network
compiled, in 16 and 8 bits, as ONNX and so on, on images of its data set.

Example:
  mmseg-missing benchmark cmnext_small_1xb8-12e_scenes-rgbdt-64x96 \\
    --shape 64 96 --repeats 3
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..apis.formats import KINDS as FORMAT_KINDS
from ..apis.formats import compare_formats
from ..apis.model import configure, load_config, load_weights
from ..benchmark import (
    KINDS,
    MEASURED_BY,
    MEASURED_IN_TURN,
    Benchmark,
    Measurement,
    Variants,
    cost_table,
)
from ..benchmark.formats import PEAK_MEASURED_BY, format_table
from ..engine.checkpoints import read_checkpoint
from ..evaluation import check_writable
from ..startup.checks import check_device, require
from ..startup.plan import network_facts, plan_text, reads, writes
from .arguments import (
    add_config,
    add_config_options,
    add_device,
    add_dry_run,
    add_number,
    add_trust,
    at_least,
    verb_parser,
)
from .ending import say_next


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('benchmark', __doc__)
    add_config(parser, 'config of the base or its sibling')
    parser.add_argument(
        '--checkpoint', metavar='FILE', help='default: random weights'
    )
    parser.add_argument(
        '--adapter', metavar='FILE', help='adapter file (.safetensors)'
    )
    parser.add_argument(
        '--present',
        nargs='+',
        default=['every'],
        metavar='P',
        help='every (default: whole sensors), subsets, full, or combinations '
        'such as rgb+depth',
    )
    parser.add_argument(
        '--shape',
        nargs=2,
        type=at_least(1),
        default=[240, 320],
        metavar=('H', 'W'),
        help='of an image, default: 240 320',
    )
    add_number(parser, '--batch-size', 1)
    add_number(parser, '--repeats', 10, 'rounds')
    parser.add_argument(
        '--what',
        nargs='+',
        default=KINDS,
        choices=KINDS,
        metavar='KIND',
        help=f'of {", ".join(KINDS)}; default: all',
    )
    parser.add_argument(
        '--formats',
        nargs='*',
        choices=FORMAT_KINDS,
        metavar='F',
        help=f'of {", ".join(FORMAT_KINDS)}; without any: all',
    )
    add_number(parser, '--images', 50, 'that --formats scores')
    parser.add_argument(
        '--split',
        choices=['test', 'val'],
        default='test',
        help='that they are of, test (default) or val',
    )
    add_device(parser)
    add_dry_run(parser)
    parser.add_argument(
        '--threads', type=at_least(1), metavar='N', help='of a CPU'
    )
    parser.add_argument('--out', metavar='FILE', help='JSON file to write')
    add_config_options(parser)
    add_trust(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    args = parser().parse_args(argv)
    check_device(args.device, MEASURED_BY)
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.out and not args.dry_run:
        check_writable(Path(args.out).parent)
    if args.formats is not None:
        compare(args)
        return
    if args.dry_run:
        print(plan(args))
        return
    start = time.perf_counter()
    results = measure(args)
    setting = describe(args) | {'seconds': time.perf_counter() - start}
    print(cost_table(results, title(setting)))
    if args.out:
        write_json(args.out, setting, results)
    if args.checkpoint:
        say_next(
            'fold',
            args.config,
            args.checkpoint,
            'folded.pth',
            *('--adapter', args.adapter) if args.adapter else (),
            '--combination',
            results[0].combination,
            why='the plain network of one combination',
        )
    else:
        say_next('train', args.config, why='weights that are not random')


def compare(args: argparse.Namespace) -> None:
    """Compare formats, and print the table."""
    check_formats(args)
    if args.dry_run:
        print(plan_formats(args))
        return
    start = time.perf_counter()
    results = list(
        compare_formats(
            load_config(args.config, args.cfg_options),
            args.checkpoint,
            args.adapter,
            args.present,
            args.formats or FORMAT_KINDS,
            args.images,
            args.repeats,
            args.split,
            lambda text: print(text, file=sys.stderr, flush=True),
        )
    )
    height, width = results[0].size
    counts = sorted({r.images for r in results if r.images is not None})
    images = ' to '.join(map(str, dict.fromkeys([counts[0], counts[-1]])))
    setting = describe(args) | {
        'shape': [height, width],
        'batch_size': 1,
        'images': args.images,
        'split': args.split,
        'memory_measured_by': PEAK_MEASURED_BY,
        'seconds': time.perf_counter() - start,
    }
    print(
        f'{title(setting)}; {images} images of the {args.split} split'
        f'\n\n{format_table(results)}\n\n'
        'ms: median, image to classes; ratio: to folded (else to eager), in '
        'the same round; agrees: pixels, with eager; peak MiB: of a process '
        'of its own'
    )
    if args.out:
        write_json(args.out, setting, results)


def check_formats(args: argparse.Namespace) -> None:
    """Refuse arguments with which formats cannot be compared.

    Raises:
        ValueError: no weights, another device, or what only the other
            measurement knows.
    """
    for name in ('shape', 'batch_size', 'what'):
        if getattr(args, name) != parser().get_default(name):
            raise ValueError(
                '--formats runs images of the data set, one by one; leave '
                f'--{name.replace("_", "-")} out (--cfg-options may change '
                'what the data set gives)'
            )
    if not args.checkpoint:
        raise ValueError(
            '--formats scores a trained network; give its --checkpoint'
        )
    if check_device(args.device) != 'cpu':
        raise ValueError(
            f'--formats compares what runs on a CPU, not on {args.device}; '
            'leave --device out'
        )


def plan_formats(args: argparse.Namespace) -> str:
    """Say which formats would be compared, and to which file."""
    facts = [
        ('formats', ', '.join(args.formats or FORMAT_KINDS)),
        ('scores', f'{args.images} images of the {args.split} split'),
        ('measures', f'{", ".join(args.present)}, {args.repeats} rounds'),
        reads(args.config, args.checkpoint, args.adapter),
        writes(args.out),
    ]
    return plan_text(facts)


def write_json(out: str, setting: Mapping, results: Sequence) -> None:
    """Write measurements and how they came about."""
    report = {'setting': setting, 'results': [asdict(r) for r in results]}
    Path(out).write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')
    print(f'{out}: {len(results)} measurements')


def plan(args: argparse.Namespace) -> str:
    """Say what would be measured, and to which file."""
    benchmark = build(args)
    names = benchmark.combinations
    shape = (args.batch_size, benchmark.variants.stack.num_channels)
    facts = [
        *network_facts(benchmark.variants.largest),
        ('input', ' x '.join(map(str, (*shape, *args.shape)))),
        ('networks', ', '.join(args.what)),
        (
            'measures',
            f'{len(names)} combinations, {benchmark.num_steps} steps: '
            f'{", ".join(names)}',
        ),
        reads(args.config, args.checkpoint, args.adapter),
        writes(args.out),
    ]
    return plan_text(facts)


def measure(args: argparse.Namespace) -> list[Measurement]:
    """Measure what the command line asks for, behind a progress bar."""
    from rich.console import Console
    from rich.progress import Progress

    benchmark = build(args)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task('', total=benchmark.num_steps)

        def advance(text: str) -> None:
            progress.update(task, advance=1, description=text)

        return list(benchmark.run(advance))


def build(args: argparse.Namespace) -> Benchmark:
    """Build the networks; without a checkpoint their weights are random.

    Raises:
        ValueError: arguments that do not belong together.
    """
    from mmengine.registry import init_default_scope

    cfg = load_config(args.config, args.cfg_options)
    require(cfg, 'model.stack')
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    if args.checkpoint:
        found = read_checkpoint(args.checkpoint)
        configure(cfg, found, args.adapter)
    elif args.adapter:
        raise ValueError('--adapter needs the --checkpoint of its base')

    def load(network: nn.Module) -> None:
        if args.checkpoint:
            load_weights(network, found, args.checkpoint, args.adapter)

    variants = Variants(cfg.model, args.what, args.device, load)
    present = variants.stack.choose(args.present)
    return Benchmark(
        variants, present, args.shape, args.batch_size, args.repeats
    )


def describe(args: argparse.Namespace) -> dict[str, Any]:
    """Return what a reader of the numbers has to know."""
    kind = check_device(args.device)
    if kind == 'cuda':
        device = torch.cuda.get_device_name(args.device)
    else:
        capability = torch.backends.cpu.get_cpu_capability()
        device = f'{platform.machine()} {capability}'
    return {
        'config': args.config,
        'checkpoint': args.checkpoint,
        'adapter': args.adapter,
        'shape': list(args.shape),
        'batch_size': args.batch_size,
        'repeats': args.repeats,
        'device': device,
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
        'time_measured_by': MEASURED_IN_TURN,
        'memory_measured_by': MEASURED_BY[kind],
    }


def title(setting: dict[str, Any]) -> str:
    """Return the headline of the table."""
    height, width = setting['shape']
    return (
        f'{Path(setting["config"]).stem}, {height}x{width}, batch '
        f'{setting["batch_size"]}; {setting["repeats"]} rounds on '
        f'{setting["device"]}, threads: {setting["threads"]}'
    )

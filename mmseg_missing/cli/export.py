"""Write networks as files that run without this package.

One graph per combination (ONNX, torch.export or TorchScript), each compared
with PyTorch, and a manifest that says which serves what.

Example:
  mmseg-missing export NAME work_dirs/NAME/epoch_12.pth \\
    --adapter adapter.safetensors --all --out exported
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..apis.export import chosen, export
from ..apis.model import init_model, load_config
from ..evaluation import check_writable
from ..exporting import FORMATS, MANIFEST, PRESENT, Exported
from ..startup.checks import require
from ..startup.plan import network_facts, plan_text, reads, writes
from .arguments import (
    add_config,
    add_config_options,
    add_dry_run,
    add_trust,
    at_least,
    verb_parser,
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('export', __doc__)
    add_config(parser, 'config of the base or its sibling')
    parser.add_argument('checkpoint', help='a base, joined or folded one')
    parser.add_argument(
        '--adapter', metavar='FILE', help='adapter file (.safetensors)'
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        '--combination',
        nargs='+',
        metavar='P',
        help='a folded graph for each of these, such as rgb or rgb+depth',
    )
    which.add_argument(
        '--all',
        action='store_const',
        const='every',
        dest='combination',
        help='a folded graph for each combination of whole sensors',
    )
    which.add_argument(
        '--present-input',
        action='store_const',
        const=PRESENT,
        dest='combination',
        help='one graph for all: what is present is its last input',
    )
    parser.add_argument(
        '--out', required=True, metavar='DIR', help='folder to write to'
    )
    parser.add_argument(
        '--format',
        choices=FORMATS,
        default='onnx',
        help=f'of {", ".join(FORMATS)}; default: onnx',
    )
    parser.add_argument(
        '--argmax', action='store_true', help='masks instead of logits'
    )
    parser.add_argument(
        '--size',
        nargs=2,
        type=at_least(1),
        metavar=('H', 'W'),
        help='fix the size of images; default: any, where that works',
    )
    add_dry_run(parser)
    add_config_options(parser)
    add_trust(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write and check."""
    args = parser().parse_args(argv)
    cfg, out = load_config(args.config, args.cfg_options), Path(args.out)
    require(cfg, 'model.stack')
    if args.dry_run:
        network = init_model(cfg, args.checkpoint, args.adapter)
        names = chosen(network, args.combination)
        files = [out / f'{name}{FORMATS[args.format]}' for name in names]
        facts = [
            *network_facts(network),
            ('exports', f'{", ".join(names)} as {args.format}'),
            reads(args.config, args.checkpoint, args.adapter),
            writes(*files, out / MANIFEST),
        ]
        print(plan_text(facts))
        return
    check_writable(out)
    export(
        cfg,
        args.checkpoint,
        out,
        args.combination,
        args.adapter,
        args.format,
        args.argmax,
        args.size and tuple(args.size),
        _show,
    )
    print(f'{out / MANIFEST}: what runs them has to know')


def _show(name: str, one: Exported) -> None:
    """Print what was written, and how well it agrees with PyTorch."""
    size = 'any size' if one.size is None else f'{one.size[0]}x{one.size[1]}'
    batch = 'any batch' if one.batch is None else f'batch {one.batch}'
    print(
        f'{one.path}: {one.path.stat().st_size / 2**20:.1f} MiB, {size}, '
        f'{batch}; off by {one.error:.1e} at most in {len(one.checked)} '
        'sizes',
        flush=True,
    )

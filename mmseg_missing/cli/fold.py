"""Make a plain network for one combination.

Adapters and BatchNorms are dissolved in its weights, so that it is as fast as
the base.

Example:
  mmseg-missing fold NAME work_dirs/NAME/epoch_30.pth rgb.pth \\
    --adapter adapter.safetensors --combination rgb
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..apis.fold import fold_checkpoint
from ..apis.model import init_model, load_config
from ..evaluation import check_writable
from ..startup.checks import require
from ..startup.plan import network_facts, plan_text, reads, writes
from .arguments import add_config, add_dry_run, add_trust, verb_parser
from .ending import say_next


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('fold', __doc__)
    add_config(parser, 'config of the base or its sibling')
    parser.add_argument('checkpoint', help='a base or a joined checkpoint')
    parser.add_argument('out', help='the folded checkpoint to write (.pth)')
    parser.add_argument(
        '--adapter', metavar='FILE', help='adapter file (.safetensors)'
    )
    parser.add_argument(
        '--combination',
        required=True,
        metavar='P',
        help='what will be present, e.g. rgb',
    )
    parser.add_argument(
        '--keep-norms',
        action='store_true',
        help='leave BatchNorms as they are',
    )
    add_dry_run(parser)
    add_trust(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Fold and write."""
    args = parser().parse_args(argv)
    cfg, out = load_config(args.config), Path(args.out)
    require(cfg, 'model.stack')
    if args.dry_run:
        network = init_model(cfg, args.checkpoint, args.adapter)
        network.stack.canonical(args.combination)
        facts = [
            *network_facts(network),
            ('folds', f'{args.combination} into a plain network'),
            reads(args.config, args.checkpoint, args.adapter),
            writes(out, out.with_suffix('.py')),
        ]
        print(plan_text(facts))
        return
    check_writable(out.parent)
    folded = fold_checkpoint(
        cfg,
        args.checkpoint,
        out,
        args.combination,
        args.adapter,
        args.keep_norms,
    )
    config = out.with_suffix('.py')
    print(
        f'{out}: a plain network for {folded["combination"]}; '
        f'{len(folded["biases"])} layers gained a bias, '
        f'{len(folded["norms"])} BatchNorms went into the convolution before '
        f'them, as {config} says'
    )
    present = ('--present', folded['combination'])
    say_next('test', config, out, *present, why='its score')

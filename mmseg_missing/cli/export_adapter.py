"""Take the adapters out of a joined checkpoint.

Example:
  mmseg-missing export-adapter NAME work_dirs/NAME/epoch_20.pth \\
    rgb.safetensors --combination rgb
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..adapters import adapted, save_adapter
from ..apis import init_model
from ..apis.model import load_config
from ..evaluation import check_writable
from ..startup.checks import require
from ..startup.start import adapter_share
from .arguments import add_config, add_trust, verb_parser
from .ending import say_next


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('export-adapter', __doc__)
    add_config(parser, 'config with `model.adapter`')
    parser.add_argument('checkpoint', help='joined checkpoint (epoch_N.pth)')
    parser.add_argument('out', help='the file to write (.safetensors)')
    parser.add_argument(
        '--combination',
        nargs='+',
        metavar='P',
        help='write these alone, as rgb or rgb+depth; default: all',
    )
    add_trust(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file."""
    args = parser().parse_args(argv)
    check_writable(Path(args.out).parent)
    cfg = load_config(args.config)
    require(cfg, 'model.stack')
    model = init_model(cfg, args.checkpoint)
    roots = dict(adapted(model))
    if len(roots) != 1:
        raise ValueError(
            f'{args.config!r} has {len(roots)} adapted networks, expected 1; '
            'check `model.adapter`'
        )
    ((name, root),) = roots.items()
    extra = {'fill': model.fill, 'root': name}
    combinations = save_adapter(
        root, args.out, extra, combinations=args.combination
    )
    size = Path(args.out).stat().st_size / 2**20
    print(f'{args.out}: {", ".join(combinations)}; {size:.2f} MiB')
    print(adapter_share(model))
    say_next('inspect', args.out, why='what the file says of itself')

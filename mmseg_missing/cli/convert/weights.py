"""What converters of weights share: arguments, and what they print."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from torch import Tensor

from ...models.converters.weight_files import read_weights, write_weights
from ..arguments import add_trust, verb_parser
from ..ending import say_next


def weights_parser(verb: str, doc: str, src: str) -> argparse.ArgumentParser:
    """Return the parser of a converter of weights."""
    parser = verb_parser(f'convert {verb}', doc)
    parser.add_argument('src', help=src)
    parser.add_argument('dst', help='where to write the converted one')
    add_trust(parser)
    return parser


def convert_weights(
    args: argparse.Namespace,
    convert: Callable[[dict[str, Tensor]], dict[str, Tensor]],
    left_out: Sequence[str] = (),
    of_backbone: bool = False,
) -> None:
    """Convert the file that the command line names, and say what came of it.

    Args:
        args: Arguments of :func:`weights_parser`.
        convert: From foreign weights to ours.
        left_out: Beginnings of the names that ours do not have.
        of_backbone: The weights are of a backbone alone.
    """
    weights = read_weights(args.src)
    converted = convert(weights)
    write_weights(converted, args.dst)
    gone = sum(name.startswith(tuple(left_out)) for name in weights)
    rest = f'; left out {gone} below {" and ".join(left_out)}'
    print(f'{args.dst}: {len(converted)} tensors{rest if left_out else ""}')
    if of_backbone:
        key = f'model.backbone.init_cfg.checkpoint={args.dst}'
        say_next('train', 'CONFIG', '--cfg-options', key, why='from them')
    else:
        say_next('test', 'CONFIG', args.dst, why='their scores')

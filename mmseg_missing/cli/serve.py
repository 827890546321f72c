"""Show a network in the browser: break its sensors and look.

Pick a built-in scene, a sample of the config's test data or files of your
own, switch sensors off or let them suffer a fault, and compare what the
network makes of it without and with its adapters. Nobody but this machine
reaches the page unless --host says so; it asks no other place for anything.

Example:
  mmseg-missing serve NAME work_dirs/NAME/epoch_30.pth \\
    --adapter adapter.safetensors
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..apis.model import load_config
from ..page.serving import (
    LOOPBACK,
    PORT,
    free_port,
    is_loopback,
    require_gradio,
    served,
    wait,
)
from ..page.studio import Studio
from ..startup.config_files import short_name
from .arguments import (
    add_config,
    add_config_options,
    add_device,
    add_trust,
    verb_parser,
)

MOST_PORT = 65535


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('serve', __doc__)
    add_config(parser)
    parser.add_argument('checkpoint', help='base, joined or folded checkpoint')
    parser.add_argument(
        '--adapter', nargs='+', metavar='FILE', help='adapter file'
    )
    parser.add_argument(
        '--host',
        default=LOOPBACK,
        metavar='ADDRESS',
        help=f'where it listens, default: {LOOPBACK}, this machine alone',
    )
    parser.add_argument(
        '--port',
        type=_port,
        default=PORT,
        metavar='N',
        help=f'default: {PORT}; 0: any that is free',
    )
    add_device(parser)
    add_config_options(parser)
    add_trust(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the page until Ctrl-C."""
    args = parser().parse_args(argv)
    require_gradio()
    port = free_port(args.host, args.port)
    cfg = load_config(args.config, args.cfg_options)
    studio = Studio(cfg, args.checkpoint, args.adapter, args.device)
    if not is_loopback(args.host):
        print(
            f'warning: whoever reaches {args.host}:{port} may use this page '
            'and this processor, for it has no password; leave --host out and '
            'use a tunnel of ssh where that is not wanted',
            file=sys.stderr,
        )
    if studio.samples.reason:
        print(f'no test data: {studio.samples.reason}', file=sys.stderr)
    with served(studio, short_name(args.config), args.host, port) as address:
        print(f'open {address} in a browser; Ctrl-C ends it', flush=True)
        wait()
    print('the page is closed')


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_PORT:
        raise argparse.ArgumentTypeError(
            f'a number from 0 to {MOST_PORT}, got {text!r}'
        )
    return int(text)

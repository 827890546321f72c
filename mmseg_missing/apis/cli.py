"""What tools share: arguments of a run, and how they end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path
from urllib.error import URLError

import torch
from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from ..compat import trust_from_now_on
from ..evaluation import check_writable

USER_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    OSError,
    RuntimeError,
    ImportError,
)
MMENGINE_FOUND_NO_FILE = 'can not be found.'


def run_tool(main: Callable[[], None]) -> None:
    """Run ``main``; a user's mistake gives one line on stderr and exit 2.

    ``MMSEG_MISSING_DEBUG=1`` in the environment keeps the traceback.
    """
    try:
        copy_context().run(main)
    except KeyboardInterrupt:
        _end(
            'interrupted; training continues from its last checkpoint with '
            '--resume'
        )
    except USER_ERRORS as error:
        if os.environ.get('MMSEG_MISSING_DEBUG'):
            raise
        _end(last_line(error))


def last_line(error: BaseException) -> str:
    """Return what an error says, in one line."""
    is_key = isinstance(error, KeyError) and error.args
    text = str(error.args[0] if is_key else error)
    if 'Traceback (most' in text:
        text = _unwrapped(text)
    if isinstance(error, TypeError) and '.__init__() ' in text:
        text += '; check its keys in the config'
    if isinstance(error, URLError) or text.endswith(MMENGINE_FOUND_NO_FILE):
        text = (
            f'weights to start from: {text.rstrip(".")}; check `init_cfg` of '
            'the backbone (None: random weights) and `load_from`'
        )
    return ' '.join(text.split()) or type(error).__name__


def _unwrapped(text: str) -> str:
    """Return what a loader worker's error says after its traceback."""
    lines = text.rstrip().splitlines()
    frames = [i for i, line in enumerate(lines) if line.startswith('  ')]
    kind, _, said = '\n'.join(lines[frames[-1] + 1 :]).partition(': ')
    # Only the message of a KeyError stands in quotes.
    return said[1:-1] if kind == 'KeyError' else said or kind


def _end(message: str) -> None:
    print(f'error: {printable(message)}', file=sys.stderr)
    sys.exit(2)


def printable(text: str) -> str:
    """Return ``text`` without what steers a terminal, lines kept apart."""
    return ''.join(c if c.isprintable() or c == '\n' else '?' for c in text)


class Trust(argparse.Action):
    """A switch that lets checkpoints run code for the rest of the tool."""

    def __call__(self, parser, namespace, values, option_string=None):
        trust_from_now_on()


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust``, which every tool that loads a checkpoint takes."""
    parser.add_argument(
        '--trust',
        action=Trust,
        nargs=0,
        default=argparse.SUPPRESS,
        help='load checkpoints that hold more than data; whoever made them '
        'can run any code on this machine',
    )


class ConfigOptions(DictAction):
    """Pairs such as ``model.fill=black``."""

    def __call__(self, parser, namespace, values, option_string=None):
        for pair in values:
            if '=' not in pair:
                raise ValueError(
                    f'{option_string} takes key=value without blanks, got '
                    f'{pair!r}'
                )
        super().__call__(parser, namespace, values, option_string)


def at_least(least: int) -> Callable[[str], int]:
    """Return what reads a whole number from ``least`` on."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f'a number from {least} on, got {text!r}'
            )
        return int(text)

    return read


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``, which every tool with a config takes."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        default={},
        help='override config keys: key=value ...',
    )


def add_runner_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that every tool with a Runner takes."""
    parser.add_argument(
        '--work-dir', help='default: work_dirs/<name of the config>'
    )
    add_config_options(parser)
    add_trust(parser)
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def apply_runner_arguments(cfg: Config, args: argparse.Namespace) -> None:
    """Write them into the config, in place.

    Raises:
        OSError: the work folder cannot be written.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg.launcher = args.launcher
    default = Path('work_dirs') / Path(args.config).stem
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or str(default)
    check_writable(cfg.work_dir)
    if not torch.cuda.is_available():
        cfg.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})


def build_runner(cfg: Config) -> Runner:
    """Return the Runner of a config whose launcher is known.

    MMEngine expects a GPU per process. Without one the processes meet here,
    and their models are wrapped for the CPU.

    Raises:
        ValueError: a launcher that did not start this process.
    """
    if cfg.launcher == 'pytorch' and 'RANK' not in os.environ:
        raise ValueError(
            '--launcher pytorch needs torchrun: `torchrun '
            '--nproc_per_node=2 tools/train.py CONFIG --launcher pytorch`'
        )
    if cfg.launcher == 'pytorch' and not torch.cuda.is_available():
        torch.distributed.init_process_group('gloo')
        cfg.model_wrapper_cfg = {
            'type': 'MMDistributedDataParallel',
            'device_ids': None,
            'broadcast_buffers': False,
            'find_unused_parameters': cfg.get('find_unused_parameters', False),
        }
    return Runner.from_cfg(cfg)

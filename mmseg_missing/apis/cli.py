"""What tools share: arguments of a run, and how they end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config, DictAction

from ..evaluation import check_writable

USER_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    OSError,
    RuntimeError,
    ImportError,
)


def run_tool(main: Callable[[], None]) -> None:
    """Run ``main``; a user's mistake gives one line on stderr and exit 2.

    ``MMSEG_MISSING_DEBUG=1`` in the environment keeps the traceback.
    """
    try:
        main()
    except KeyboardInterrupt:
        _end('interrupted; the last checkpoint stays, continue with --resume')
    except USER_ERRORS as error:
        if os.environ.get('MMSEG_MISSING_DEBUG'):
            raise
        _end(last_line(error))


def last_line(error: BaseException) -> str:
    """Return what an error says, in one line.

    Errors of loader workers and of MMEngine's registries arrive wrapped in a
    traceback: its last line is the sentence.
    """
    if isinstance(error, KeyError) and error.args:
        text = str(error.args[0])
    else:
        text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[-1] if 'Traceback' in text else ' '.join(lines)
    return line or type(error).__name__


def _end(message: str) -> None:
    print(f'error: {message}', file=sys.stderr)
    sys.exit(2)


def add_runner_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that every tool with a Runner takes."""
    parser.add_argument(
        '--work-dir', help='default: work_dirs/<name of the config>'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        help='override config keys: key=value ...',
    )
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

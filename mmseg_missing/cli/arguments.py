"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

import torch
from mmengine.config import Config, DictAction

from ..apis.training import work_folder
from ..compat import trust_from_now_on
from ..datasets.options import modality_names
from ..evaluation import check_writable


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
    # A dedicated network does not lie where the config's own one lies.
    is_cut = getattr(args, 'modalities', None) is not None
    kept = modality_names(cfg.model.stack) if is_cut else []
    default = str(work_folder(args.config, modalities=kept))
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default
    check_writable(cfg.work_dir)
    if not torch.cuda.is_available():
        cfg.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})

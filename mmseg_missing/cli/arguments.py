"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config, DictAction

from ..apis.processes import work_folder
from ..compat import trust_from_now_on
from ..corruptions import FAULTS, SEVERITIES
from ..datasets.options import modality_names
from ..evaluation import check_writable
from ..startup.config_files import find_config
from ..startup.showing import Show

EXAMPLE = 'Example:'


class _Help(argparse.RawDescriptionHelpFormatter):
    """Texts as they are written, and a usage of one line."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, max_help_position=26, **kwargs)

    def add_usage(self, usage, actions, groups, prefix=None) -> None:
        """Leave out what need not be given."""
        needed = [
            f'{" ".join(action.option_strings[:1])} {self._written(action)}'
            for action in actions
            if action.required
        ]
        words = ['%(prog)s', *(word.strip() for word in needed), '[options]']
        super().add_usage(' '.join(words), [], [], prefix)

    def _written(self, action: argparse.Action) -> str:
        default = (action.metavar or action.dest).upper()
        return self._format_args(action, default)

    def _format_args(self, action: argparse.Action, default: str) -> str:
        if action.nargs == '+':
            return f'{action.metavar or default} ...'
        return super()._format_args(action, default)


def verb_parser(verb: str, doc: str) -> argparse.ArgumentParser:
    """Return the parser of a verb, whose help is its file's docstring.

    Args:
        verb: As it is called, such as ``export-adapter``.
        doc: What ``Example:`` begins stands below the options.
    """
    words, mark, example = doc.strip().partition(EXAMPLE)
    parser = argparse.ArgumentParser(
        prog=f'mmseg-missing {verb}',
        description=words.strip(),
        epilog=f'{mark}{example}',
        formatter_class=_Help,
        add_help=False,
    )
    hidden = argparse.SUPPRESS
    parser.add_argument('-h', '--help', action='help', help=hidden)
    return parser


def add_config(
    parser: argparse.ArgumentParser, words: str = 'its name or file'
) -> None:
    """Add the config, which is found by its name."""
    parser.add_argument('config', type=_config, help=words)


def _config(name: str) -> str:
    return str(find_config(name))


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Add ``--dry-run``."""
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='say what would be read, done and written, and stop',
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    parser.add_argument(
        '--device', default='cpu', help='such as cuda; default: cpu'
    )


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
        help='load checkpoints that may run code on this machine',
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


def add_number(
    parser: argparse.ArgumentParser,
    name: str,
    default: int,
    words: str = '',
    least: int = 1,
) -> None:
    """Add an option that takes a whole number from ``least`` on."""
    parser.add_argument(
        name,
        type=at_least(least),
        default=default,
        metavar='N',
        help=f'{words}, default: {default}'
        if words
        else f'default: {default}',
    )


def add_faults(parser: argparse.ArgumentParser) -> None:
    """Add ``--faults`` and ``--severities``, of images that are spoilt."""
    parser.add_argument(
        '--faults',
        nargs='+',
        default=list(FAULTS),
        metavar='F',
        help=f'of {", ".join(FAULTS)}; default: all',
    )
    parser.add_argument(
        '--severities',
        nargs='+',
        type=int,
        default=list(SEVERITIES),
        metavar='S',
        help='of faults: 1 to 5; default: all',
    )


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``, which every tool with a config takes."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        default={},
        metavar='K=V',
        help='override keys of the config',
    )


class Backend(argparse.Action):
    """Switches of one line in the help; each is noted by its name."""

    def __call__(self, parser, namespace, values, option_string=None):
        names = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*names, option_string.strip('-')])


def add_show(parser: argparse.ArgumentParser) -> None:
    """Add what to show of a training while it runs."""
    parser.add_argument(
        '--pictures',
        type=at_least(1),
        default=0,
        metavar='N',
        help='validate, and draw N images under each combination',
    )
    parser.add_argument(
        '--tensorboard',
        '--wandb',
        action=Backend,
        dest='backends',
        nargs=0,
        default=[],
        help='validate, and show loss and mIoU of each there',
    )


def shown(args: argparse.Namespace) -> Show:
    """Return what :func:`add_show` asked for."""
    return Show(args.pictures, **dict.fromkeys(args.backends, True))


def add_runner_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that every tool with a Runner takes."""
    parser.add_argument(
        '--work-dir',
        metavar='DIR',
        help='default: work_dirs/<name of the config>',
    )
    add_config_options(parser)
    add_trust(parser)
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        metavar='L',
        help='of several processes: pytorch, slurm or mpi',
    )
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        help=argparse.SUPPRESS,
    )


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
    if not getattr(args, 'dry_run', False):
        check_writable(cfg.work_dir)
    if not torch.cuda.is_available():
        cfg.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})


def dumped(cfg: Config) -> Path:
    """Return the config, all options applied, that a Runner wrote."""
    return Path(cfg.work_dir, Path(cfg.filename).name)

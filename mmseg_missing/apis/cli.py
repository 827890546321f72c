"""What tools share: arguments of a run, and how they end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.runner import Runner
from rich.console import Console

from ..compat import trust_from_now_on
from ..datasets.options import modality_names
from ..evaluation import check_writable
from .foreign_values import check_foreign_values
from .sentences import last_line, naming_section
from .training import work_folder

# What starts the processes of a launcher, and what it sets in each.
STARTED_BY = {
    'slurm': ('SLURM_PROCID', 'srun'),
    'mpi': ('OMPI_COMM_WORLD_LOCAL_RANK', 'mpirun'),
}


def run_tool(main: Callable[[], None]) -> None:
    """Run ``main``; what goes wrong gives one line on stderr and exit 2.

    A ``KeyboardInterrupt`` may carry what is left of the work.
    ``MMSEG_MISSING_DEBUG=1`` in the environment keeps the traceback.
    """
    try:
        copy_context().run(main)
    except KeyboardInterrupt as error:
        said = error.args[0] if error.args else 'start it again'
        _end(f'interrupted; {said}')
    except Exception as error:
        if os.environ.get('MMSEG_MISSING_DEBUG'):
            raise
        _end(last_line(error))


@contextmanager
def saying(left: str | Callable[[], str]) -> Iterator[None]:
    """Let Ctrl-C in this block say what is left of the work.

    Args:
        left: Such as ``nothing was written``, or what tells it then.
    """
    try:
        yield
    except KeyboardInterrupt:
        said = left if isinstance(left, str) else left()
        raise KeyboardInterrupt(said) from None


def _end(message: str) -> None:
    if sys.stderr.isatty():
        Console(stderr=True).show_cursor()  # a progress bar hides it
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
    # A dedicated network does not lie where the config's own one lies.
    is_cut = getattr(args, 'modalities', None) is not None
    kept = modality_names(cfg.model.stack) if is_cut else []
    default = str(work_folder(args.config, modalities=kept))
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default
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
    check_foreign_values(cfg)
    if cfg.launcher == 'pytorch' and 'RANK' not in os.environ:
        raise ValueError(
            '--launcher pytorch needs torchrun: `torchrun '
            '--nproc_per_node=2 tools/train.py CONFIG --launcher pytorch`'
        )
    for launcher, (variable, command) in STARTED_BY.items():
        if cfg.launcher == launcher and variable not in os.environ:
            raise ValueError(
                f'--launcher {launcher} needs {command}, which sets '
                f'{variable}; start the tool by it, or leave --launcher out'
            )
    if cfg.launcher == 'pytorch' and not torch.cuda.is_available():
        torch.distributed.init_process_group('gloo')
        cfg.model_wrapper_cfg = {
            'type': 'MMDistributedDataParallel',
            'device_ids': None,
            'broadcast_buffers': False,
            'find_unused_parameters': cfg.get('find_unused_parameters', False),
        }
    return NamingRunner.from_cfg(cfg)


class NamingRunner(Runner):
    """A Runner whose errors name the section of the config they are of."""

    def dump_config(self):
        """Wait: a run that is refused writes over no config."""

    def train(self):
        """Write the config, then train."""
        super().dump_config()
        return super().train()

    def test(self):
        """Write the config, then test."""
        super().dump_config()
        return super().test()

    def _naming(self, section: str):
        return naming_section(section, self.cfg.filename)

    def _section(self, kind: str, given: Any) -> str:
        """Return which of ``train_<kind>`` and so on the config is."""
        for stage in ('train', 'val', 'test'):
            if getattr(self, f'_{stage}_{kind}', None) is given:
                return f'{stage}_{kind}'
        return kind

    def build_model(self, model):
        """Name `model`."""
        with self._naming('model'):
            return super().build_model(model)

    def build_visualizer(self, visualizer=None):
        """Name `visualizer`."""
        with self._naming('visualizer'):
            return super().build_visualizer(visualizer)

    def register_default_hooks(self, hooks=None):
        """Name `default_hooks`."""
        with self._naming('default_hooks'):
            super().register_default_hooks(hooks)

    def register_custom_hooks(self, hooks):
        """Name `custom_hooks`."""
        with self._naming('custom_hooks'):
            super().register_custom_hooks(hooks)

    def build_dataloader(self, dataloader, *args, **kwargs):
        """Name `train_dataloader` and so on."""
        with self._naming(self._section('dataloader', dataloader)):
            return super().build_dataloader(dataloader, *args, **kwargs)

    def build_evaluator(self, evaluator):
        """Name `test_evaluator` and so on."""
        with self._naming(self._section('evaluator', evaluator)):
            return super().build_evaluator(evaluator)

    def build_train_loop(self, loop):
        """Name `train_cfg`."""
        with self._naming('train_cfg'):
            return super().build_train_loop(loop)

    def build_val_loop(self, loop):
        """Name `val_cfg`."""
        with self._naming('val_cfg'):
            return super().build_val_loop(loop)

    def build_test_loop(self, loop):
        """Name `test_cfg`."""
        with self._naming('test_cfg'):
            return super().build_test_loop(loop)

    def build_optim_wrapper(self, optim_wrapper):
        """Name `optim_wrapper`."""
        with self._naming('optim_wrapper'):
            return super().build_optim_wrapper(optim_wrapper)

    def build_param_scheduler(self, scheduler):
        """Name `param_scheduler`; a short run may end in its warm-up."""
        if isinstance(scheduler, (list, tuple)):
            scheduler = [s for s in scheduler if self._begins(s)]
        with self._naming('param_scheduler'):
            return super().build_param_scheduler(scheduler)

    def _begins(self, scheduler: Any) -> bool:
        """Say whether a scheduler that goes on to the end begins before it."""
        if not isinstance(scheduler, Mapping) or 'end' in scheduler:
            return True
        by_epoch = scheduler.get('by_epoch', True)
        last = self.max_epochs if by_epoch else self.max_iters
        return scheduler.get('begin', 0) < last

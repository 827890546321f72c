"""MMEngine's Runner for configs that a user wrote, on GPUs or without."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from ..startup.checks import check_can_be_written
from ..startup.foreign_values import check_foreign_values
from ..startup.sentences import naming_section
from ..startup.validation import check_validation, drop_idle_validation

# What starts the processes of a launcher, and what it sets in each.
STARTED_BY = {
    'slurm': ('SLURM_PROCID', 'srun'),
    'mpi': ('OMPI_COMM_WORLD_LOCAL_RANK', 'mpirun'),
}


def build_runner(cfg: Config) -> Runner:
    """Return the Runner of a config whose launcher is known.

    MMEngine expects a GPU per process. Without one the processes meet here,
    and their models are wrapped for the CPU.

    Raises:
        ValueError: a launcher that did not start this process.
    """
    check_foreign_values(cfg)
    check_can_be_written(cfg)
    drop_idle_validation(cfg)
    if cfg.launcher == 'pytorch' and 'RANK' not in os.environ:
        raise ValueError(
            '--launcher pytorch needs torchrun: `torchrun '
            '--nproc_per_node=2 -m mmseg_missing train CONFIG '
            '--launcher pytorch`'
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
        """Look at what validates, write the config, then train."""
        check_validation(self)
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
        with self._naming('param_scheduler'):
            if isinstance(scheduler, (list, tuple)):
                scheduler = [s for s in scheduler if self._begins(s)]
            return super().build_param_scheduler(scheduler)

    def _begins(self, scheduler: Any) -> bool:
        """Say whether a scheduler that goes on to the end begins before it."""
        if not isinstance(scheduler, Mapping) or 'end' in scheduler:
            return True
        by_epoch = scheduler.get('by_epoch', True)
        last = self.max_epochs if by_epoch else self.max_iters
        return scheduler.get('begin', 0) < last

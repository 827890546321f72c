"""What a training shows while it runs: pictures and curves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from mmengine.config import Config

from .checks import require
from .validation import SECTIONS, never_validates

LOCAL = {'type': 'LocalVisBackend'}
VISUALIZER = {
    'type': 'SegLocalVisualizer',
    'vis_backends': [LOCAL],
    'name': 'visualizer',
}


@dataclass(frozen=True)
class Show:
    """What to show of a training: loss and mIoU of each combination, and so.

    With any of these the training validates from its first epoch on, and
    losses and scores go to its folder and to the backends that are named.

    Args:
        pictures: How many validation samples are drawn at every validation.
        tensorboard: Write for TensorBoard.
        wandb: Write for Weights & Biases: to the disk, unless the variable
            ``WANDB_MODE`` says otherwise.
    """

    pictures: int = 0
    tensorboard: bool = False
    wandb: bool = False

    def apply(self, cfg: Config) -> None:
        """Write it into the config of a training, in place.

        Raises:
            ImportError: a package is not installed.
            ValueError: the config says nothing of validation.
        """
        if self == Show():
            return
        for key in SECTIONS:
            require(cfg, key)
        if never_validates(cfg):
            cfg.train_cfg.val_begin = 1
        logger = (cfg.get('default_hooks') or {}).get('logger')
        if logger:  # losses and scores on one axis
            logger.log_metric_by_epoch = False
        present = (cfg.get('test_cfg') or {}).get('present')
        if present is not None:
            cfg.val_cfg.setdefault('present', present)
        hooks: list[Mapping[str, Any]] = [{'type': 'CombinationLossHook'}]
        if self.pictures:
            kind = 'CombinationPicturesHook'
            hooks.append({'type': kind, 'num': self.pictures})
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or ()), *hooks]
        if not cfg.get('visualizer'):
            cfg.visualizer = dict(VISUALIZER)
        known = list(cfg.visualizer.get('vis_backends') or ())
        types = [backend['type'] for backend in known]
        cfg.visualizer.vis_backends = [
            *known,
            *(b for b in self._backends() if b['type'] not in types),
        ]

    def _backends(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if self.tensorboard:
            _check_installed('tensorboard')
            found.append({'type': 'TensorboardVisBackend'})
        if self.wandb:
            _check_installed('wandb')
            settings = {
                'project': 'mmseg-missing',
                'mode': os.environ.get('WANDB_MODE', 'offline'),
                # It would write what the progress bar shows line by line.
                'settings': {'console': 'off'},
            }
            found.append({'type': 'WandbVisBackend', 'init_kwargs': settings})
        return found


def _check_installed(package: str) -> None:
    if find_spec(package) is None:
        raise ImportError(
            f'--{package} needs the package {package}, which is not '
            f'installed; pip install "mmseg-missing[{package}]"'
        )

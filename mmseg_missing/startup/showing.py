"""What a training shows while it runs: pictures and curves."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from mmengine.config import Config

from .adapter_configs import has_adapter
from .checks import require
from .validation import SECTIONS, never_validates

LOSSES = 'CombinationLossHook'
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
        _add_hook(cfg, LOSSES)
        if self.pictures:
            _add_hook(cfg, 'CombinationPicturesHook', num=self.pictures)
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


def record_losses(cfg: Config) -> None:
    """Let a training of adapters record what each combination loses."""
    hooks = cfg.get('custom_hooks') or ()
    known = [hook.get('type') for hook in hooks]
    if has_adapter(cfg) and LOSSES not in known:
        _add_hook(cfg, LOSSES)


def _add_hook(cfg: Config, kind: str, **settings: Any) -> None:
    hooks = cfg.get('custom_hooks') or ()
    cfg.custom_hooks = [*hooks, {'type': kind, **settings}]


def _check_installed(package: str) -> None:
    if find_spec(package) is None:
        raise ImportError(
            f'--{package} needs the package {package}, which is not '
            f'installed; pip install "mmseg-missing[{package}]"'
        )

"""Join base and adapter before training, write the small file after."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ...adapters import adapted, base_state, load_base, save_adapter
from ..checkpoints import read_state


@HOOKS.register_module()
class AdapterCheckpointHook(Hook):
    """Load the base into an adapted segmentor; save adapters on their own.

    The run's usual checkpoints stay complete (base and adapters), so that
    resuming and testing need no hook. Whenever one is written,
    ``adapter.safetensors`` is written beside it.

    Args:
        base: Checkpoint of the pretrained network.
        filename: Of the small file, in the work folder.

    Raises:
        FileNotFoundError: no such base.
        ValueError: keys of the base differ from the network's without its
            adapters; or a run that is resumed on another base.
    """

    priority = 'NORMAL'

    def __init__(
        self, base: str, filename: str = 'adapter.safetensors'
    ) -> None:
        self.base, self.filename = base, filename
        self._is_resumed = False
        self._results: dict = {}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note that a checkpoint brings the base along."""
        self._is_resumed = True

    def before_train(self, runner: Runner) -> None:
        """Load the base, or check the one that a resumed run brought."""
        model = _unwrapped(runner)
        names = [name for name, _ in adapted(model)]
        if not names:
            raise ValueError(
                '`AdapterCheckpointHook` needs a network with adapters; set '
                '`model.adapter`'
            )
        state = read_state(self.base)
        if not self._is_resumed:
            load_base(model, state, self.base)
            return
        prefixes = tuple(f'{name}.' if name else '' for name in names)
        for key, value in base_state(model).items():
            is_frozen = key.startswith(prefixes)
            if is_frozen and not torch.equal(value.cpu(), state[key]):
                raise ValueError(
                    f'the resumed run stands on another base than '
                    f'{self.base!r} ({key} differs); resume with its own'
                )

    def after_val_epoch(self, runner: Runner, metrics: dict | None) -> None:
        """Remember the last results for the file."""
        self._results = dict(metrics or {})

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Write the trained rows beside the checkpoint."""
        model = _unwrapped(runner)
        for name, root in adapted(model):
            path = Path(runner.work_dir) / self.filename
            extra = {
                'fill': getattr(model, 'fill', None),
                'results': self._results,
                'root': name,
            }
            if root.adapters.trained:
                save_adapter(root, path, extra)


def _unwrapped(runner: Runner) -> nn.Module:
    model = runner.model
    return model.module if is_model_wrapper(model) else model

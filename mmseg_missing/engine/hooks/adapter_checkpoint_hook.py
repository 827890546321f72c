"""Join base and adapter before training, write the small file after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn
from torch.utils.data import DataLoader

from ...adapters import (
    adapted,
    annotate_adapter,
    frozen_state,
    load_base,
    save_adapter,
    start_from,
)
from ...values import choice, whole
from ..checkpoints import may_be_there, read_state
from ..fitting import fit_imputer, fit_segmentor
from ..network import unwrapped
from .finite_check_hook import FiniteCheckHook
from .random_state_hook import get_random_state, set_random_state

HOOK, SUFFIX = 'AdapterCheckpointHook', '.safetensors'
# Or a file.
INITS = ('identity', 'moments')


@HOOKS.register_module()
class AdapterCheckpointHook(Hook):
    """Load the base into an adapted segmentor; save adapters on their own.

    The run's usual checkpoints stay complete (base and adapters), so that
    resuming and testing need no hook. Whenever one is written,
    ``adapter.safetensors`` is written to the work folder, with the rows that
    the checkpoint holds (averaged ones under ``EMAHook``); a validation that
    follows adds its results.

    Args:
        base: Checkpoint of the pretrained network, a path or an address;
            default: the config's own `base`, beside `load_from`.
        filename: Name of the small file, in the work folder.
        init: Where rows start: at the ``identity``; where ``moments`` of
            features put them, see
            :func:`mmseg_missing.adapters.fitting.closed_form.fit_rows`; or
            from an adapter file, see
            :func:`mmseg_missing.adapters.start_from`.
        init_batches: How many training batches these moments are of, and
            the linear maps at which `model.imputer` starts.

    Raises:
        FileNotFoundError: no such base.
        ValueError: keys of the base differ from the network's without its
            adapters; several parts with adapters of their own; a run that
            is resumed on another base; one that ends with no row trained;
            an unknown ``init``, or adapters that it cannot set, as of a file
            for another stack or other sites.
    """

    priority = 'LOW'  # after EMAHook, which swaps what is saved

    def __init__(
        self,
        base: str | None = None,
        filename: str = 'adapter.safetensors',
        init: str = 'identity',
        init_batches: int = 16,
    ) -> None:
        if base is not None:
            base = as_path(f'{HOOK}.base', base)
        filename = as_path(f'{HOOK}.filename', filename)
        if Path(filename).suffix != SUFFIX or Path(filename).name != filename:
            raise ValueError(
                f'`{HOOK}.filename` takes a name that ends in {SUFFIX}, got '
                f'{filename!r}'
            )
        self.base, self.filename = base, filename
        self.init = init
        if not str(init).endswith(SUFFIX):
            choice(f'{HOOK}.init', init, INITS)
        self.init_batches = whole(f'{HOOK}.init_batches', init_batches, 1)
        self._is_fresh = False
        self._results: dict = {}

    def before_run(self, runner: Runner) -> None:
        """Adapters never train without a look at their numbers."""
        if not any(isinstance(hook, FiniteCheckHook) for hook in runner.hooks):
            runner.register_hook(FiniteCheckHook())

    def before_train(self, runner: Runner) -> None:
        """Load the base, or check the one that a resumed run brought."""
        model = unwrapped(runner.model)
        names = [name for name, _ in adapted(model)]
        if not names:
            raise ValueError(
                '`AdapterCheckpointHook` needs a network with adapters; set '
                '`model.adapter`'
            )
        if len(names) > 1:
            raise ValueError(
                f'an adapter file holds the rows of one part, but {names} '
                'have adapters each; adapt one of them, or set '
                '`model.adapter` for all'
            )
        base = self._find_base(runner)
        state = read_state(base)
        if runner.iter == 0:
            load_base(model, state, base)
            self._start_imputer(model, runner.train_loop.dataloader)
            if self.init == 'moments':
                self._set_rows(model, runner.train_loop.dataloader)
            elif self.init != 'identity':
                self._take_rows(model)
            return
        prefix = f'{names[0]}.' if names[0] else ''
        for name, value in frozen_state(model.get_submodule(names[0])).items():
            key = f'{prefix}{name}'
            if key not in state or not torch.equal(value.cpu(), state[key]):
                raise ValueError(
                    f'the resumed run stands on another base than '
                    f'{base!r} ({key} differs); resume with its own'
                )

    def _find_base(self, runner: Runner) -> str:
        """Return the hook's own base, else the config's."""
        base = self.base or runner.cfg.get('base')
        remedy = 'give --base, or set `base` in the config'
        if base is None:
            raise ValueError(f'adapters stand on a base checkpoint; {remedy}')
        base = as_path('base', base)
        if not may_be_there(base):
            raise FileNotFoundError(
                f'no base checkpoint {base!r}; train the base first, or '
                f'{remedy}'
            )
        return base

    def _start_imputer(self, model: nn.Module, loader: DataLoader) -> None:
        """Start an imputer of features, if there is one, at linear maps."""
        if getattr(model, 'imputer', None) is None:
            return
        size = loader.batch_size or loader.batch_sampler.batch_size
        state = get_random_state()
        fit_imputer(model, loader.dataset, self.init_batches, size)
        set_random_state(state)

    def _set_rows(self, model: nn.Module, loader: DataLoader) -> None:
        """Set the rows; what training draws is as if it had not been."""
        size = loader.batch_size or loader.batch_sampler.batch_size
        state = get_random_state()
        fit_segmentor(
            model, loader.dataset, self.init_batches, size, is_start=True
        )
        set_random_state(state)

    def _take_rows(self, model: nn.Module) -> None:
        """Start from the adapter file, and say what of it was taken."""
        ((_, root),) = adapted(model)
        taken = start_from(root, self.init)
        rest = [n for n in root.adapters.rows.names if n not in taken]
        print_log(
            f'rows of {", ".join(taken)} start from {str(self.init)!r}'
            + (f', those of {", ".join(rest)} do not' if rest else ''),
            logger='current',
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Write the trained rows beside the checkpoint."""
        model = unwrapped(runner.model)
        for name, root in adapted(model):
            if not root.adapters.trained:
                continue
            prefix = f'{name}.adapters.' if name else 'adapters.'
            state = {
                key.removeprefix(prefix): value
                for key, value in checkpoint['state_dict'].items()
                if key.startswith(prefix)
            }
            extra = {'fill': getattr(model, 'fill', None), 'root': name}
            extra.update(self._results)
            save_adapter(root, self._path(runner), extra, state)
            self._is_fresh = True

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """What was written is no longer what a validation sees."""
        self._is_fresh, self._results = False, {}

    @master_only
    def after_val_epoch(self, runner: Runner, metrics: dict | None) -> None:
        """Add the results of the rows just written, or saved as the best."""
        self._results = {'results': metrics}
        if self._is_fresh:
            annotate_adapter(self._path(runner), self._results)

    def after_train(self, runner: Runner) -> None:
        """Refuse a run that taught nothing; say what its file lacks."""
        model = unwrapped(runner.model)
        for _, root in adapted(model):
            if not root.adapters.trained:
                raise ValueError(
                    'no adapter row saw a sample, because nothing was '
                    "dropped; set `model.sampler`, for example 'round_robin'"
                )
            if root is not model or root.adapters.trainable:
                parts = ', '.join(root.adapters.trainable) or 'the head'
                print_log(
                    f'{parts} learnt beside the adapters: test the '
                    f'checkpoint of this run, {self.filename} and the base '
                    'lack what it learnt',
                    logger='current',
                )

    def _path(self, runner: Runner) -> Path:
        return Path(runner.work_dir) / self.filename


def as_path(key: str, value: Any) -> str:
    """Return a path that a config gives."""
    if not isinstance(value, (str, Path)):
        raise TypeError(f'`{key}` takes a path, got {value!r}')
    return str(value)

"""Make a resumed run end where an uninterrupted one does."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmseg.registry import HOOKS

from ...sampling import Sampler
from ..network import unwrapped


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Save random states in checkpoints and restore them on resuming.

    Every process has its own, saved on the CPU and given back to the process
    of that rank. Validation draws from its own stream, so that it does not
    matter on which side of it a run stops. Exact with loaders in the main
    process (``num_workers=0``); workers start anew.

    What a sampler heard (``model.sampler`` of type ``weighted``), which is the
    same in every process, is kept as well.

    Several processes need ``AtomicCheckpointHook``, which lets them give
    their states; MMEngine's own hook asks the first one only.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._gathered: list[dict] | None = None
        self._resumed: dict | None = None
        self._heard: dict | None = None
        self._before_val: dict | None = None

    def before_checkpoint(self, runner: Runner) -> None:
        """Collect the states of all processes; in a validation training's."""
        self._gathered = all_gather_object(self._training_state())

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put the states of Python, NumPy and torch into the checkpoint."""
        states = self._gathered or [self._training_state()]
        checkpoint['random_states'], self._gathered = states, None
        sampler = _sampler(runner)
        if sampler is not None and sampler.listens:
            checkpoint['sampler'] = sampler.state_dict()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the state for the moment when training goes on."""
        self._heard = checkpoint.get('sampler')
        states = checkpoint.get('random_states', [])
        if len(states) == get_world_size():
            self._resumed = states[get_rank()]
        elif runner._resume:
            print_log(
                f'the checkpoint has random states of {len(states)} '
                f'processes, this run has {get_world_size()}: random numbers '
                'begin anew at the seed, other than in a run without a stop',
                logger='current',
                level=logging.WARNING,
            )

    def before_train(self, runner: Runner) -> None:
        """Restore as soon as the first new batch is about to be loaded."""
        if runner.iter == 0:  # `load_from` begins a run with its own seed
            self._resumed = self._heard = None
        self._resume_sampler(runner)
        state, loop = self._resumed, runner.train_loop
        if state is None or isinstance(loop, EpochBasedTrainLoop):
            return
        loop.dataloader_iterator = _RestoringIterator(
            loop.dataloader_iterator,
            loop.iter,
            lambda: set_random_state(state),
        )
        self._resumed = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Restore where an epoch is about to begin."""
        if self._resumed is not None:
            set_random_state(self._resumed)
            self._resumed = None

    def before_val(self, runner: Runner) -> None:
        """Set training's stream aside."""
        self._before_val = get_random_state()

    def after_val(self, runner: Runner) -> None:
        """Take training's stream up again."""
        if self._before_val is not None:
            set_random_state(self._before_val)
            self._before_val = None

    def _resume_sampler(self, runner: Runner) -> None:
        """Let a sampler that listens know what the run before heard."""
        sampler, heard = _sampler(runner), self._heard
        if sampler is None or not (sampler.listens and runner.iter):
            return
        if heard is not None:
            sampler.load_state_dict(heard)
            return
        print_log(
            'the checkpoint does not hold what `model.sampler` heard: it '
            'begins anew, other than in a run without a stop',
            logger='current',
            level=logging.WARNING,
        )

    def _training_state(self) -> dict[str, Any]:
        return self._before_val or get_random_state()


def _sampler(runner: Runner) -> Sampler | None:
    """Return what draws combinations, if the network has one."""
    sampler = getattr(unwrapped(runner.model), 'sampler', None)
    return sampler if isinstance(sampler, Sampler) else None


class _RestoringIterator:
    """An endless loader that restores random states before a new batch.

    A resumed loop first passes over the batches that were trained on: one of
    the two stacks calls ``skip_iter``, the other asks for them one by one.

    Args:
        inner: The loop's own iterator.
        passed: Batches that were trained on.
        restore: Called once, when the first new batch is asked for.
    """

    def __init__(
        self, inner: Any, passed: int, restore: Callable[[], None]
    ) -> None:
        self._inner, self._restore = inner, restore
        self._passed = 0 if hasattr(inner, 'skip_iter') else passed

    def skip_iter(self, num_iters: int) -> None:
        """Pass over batches without loading them."""
        self._inner.skip_iter(num_iters)

    def __next__(self) -> Any:
        if self._passed == 0:
            # Creating the loader's iterator draws a random number; in a run
            # that was not stopped this happened at its start.
            getattr(self._inner, '_ensure_iterator', lambda: None)()
            self._restore()
        self._passed -= 1
        return next(self._inner)


def get_random_state() -> dict[str, Any]:
    """Return the states of this process's global random generators."""
    name, keys, *rest = np.random.get_state()
    return {
        'python': random.getstate(),
        # torch has no whole unsigned numbers that it can send and save.
        'numpy': (name, torch.from_numpy(keys.astype(np.int64)), *rest),
        'torch': torch.get_rng_state(),
        'cuda': torch.cuda.get_rng_state()
        if torch.cuda.is_available()
        else None,
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Set what :func:`get_random_state` gave.

    Its tensors may lie on any device: MMEngine loads a checkpoint to where
    the network is, but generators take their states from the CPU.
    """
    name, keys, *rest = state['numpy']
    random.setstate(state['python'])
    keys = keys.cpu().numpy().astype(np.uint32)
    np.random.set_state((name, keys, *rest))
    torch.set_rng_state(state['torch'].cpu())
    if state['cuda'] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())

"""What training loses under each combination, as curves."""

from __future__ import annotations

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...present import places
from ..network import network_of


@HOOKS.register_module()
class CombinationLossHook(Hook):
    """Record ``loss/<combination>`` in the backends of the visualizer.

    It is the mean over the training steps since the last record in which
    samples showed the combination; one that none showed has no record. It is
    written before each validation and at the end, at the number of steps
    that were done.

    Raises:
        TypeError: when training begins, a network that counts no steps.
    """

    def before_train(self, runner: Runner) -> None:
        """Ask the network for its losses."""
        network = network_of(runner.model)
        if not hasattr(network, 'steps'):
            raise TypeError(
                'CombinationLossHook needs a network that draws '
                f'combinations, got {type(network).__name__}; set '
                "`model.type` to 'MissingModalitySegmentor'"
            )
        self._steps, self._stack = network.steps, network.stack
        self._steps.is_watched = True
        self._begin()

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Add what a step lost."""
        losses = self._steps.losses
        is_shown = losses.isfinite()
        self._sum += losses.where(is_shown, torch.zeros_like(losses))
        self._count += is_shown

    def before_val(self, runner: Runner) -> None:
        """Record the steps up to here."""
        if hasattr(self, '_sum'):  # not where nothing trains
            self._record(runner)

    def after_train(self, runner: Runner) -> None:
        """Record the rest."""
        self._record(runner)

    def _begin(self) -> None:
        size = 1 << len(self._stack)
        self._sum = torch.zeros(size, dtype=torch.float64)
        self._count = torch.zeros(size)

    def _record(self, runner: Runner) -> None:
        names = self._stack.subsets()
        where = places(self._stack.present(names))
        means = (self._sum / self._count)[where].tolist()
        lost = {f'loss/{n}': x for n, x in zip(names, means) if x == x}
        if lost:
            runner.visualizer.add_scalars(lost, step=runner.iter)
        self._begin()

"""Check that adaptation changes adapters and nothing else."""

from __future__ import annotations

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ...adapters import adapted, check_hooks, fingerprint
from ..network import unwrapped
from ..watching import warn_of_plain_loop


@HOOKS.register_module()
class FrozenBaseCheckHook(Hook):
    """Refuse a run in which the base moves or a site stays silent.

    Before training every site must have its hook (converting norms removes
    hooks). In the first iteration every site must fire: a site that the user
    named is an error when it does not, others are listed. Before each
    checkpoint and after each epoch the base's fingerprint must be that of the
    start.

    Raises:
        RuntimeError: a lost hook or a base that moved.
        ValueError: a named site that never fires.
    """

    priority = 'VERY_LOW'

    def before_train(self, runner: Runner) -> None:
        """Look for lost hooks and take the fingerprint."""
        self._roots = dict(adapted(unwrapped(runner.model)))
        for root in self._roots.values():
            check_hooks(root)
        root = self._roots.get('')
        if root is not None and not root.adapters.trainable:
            warn_of_plain_loop(runner.hooks, runner.val_loop)
        self._before = self._fingerprints()
        self._fired: set[nn.Module] = set()
        self._watches = [
            root.get_submodule(site.name).register_forward_hook(
                lambda layer, *_: self._fired.add(layer)
            )
            for root in self._roots.values()
            for site in root.adapters.sites
        ]

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Look for silent sites, once."""
        if not self._watches:
            return
        for watch in self._watches:
            watch.remove()
        self._watches = []
        for root in self._roots.values():
            silent = [
                site.name
                for site in root.adapters.sites
                if root.get_submodule(site.name) not in self._fired
            ]
            _report_silent(silent, root.adapters.named)

    def before_checkpoint(self, runner: Runner) -> None:
        """Compare the fingerprint before something is written."""
        self.after_train_epoch(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Compare the fingerprint."""
        if self._fingerprints() != self._before:
            raise RuntimeError(
                'the frozen base changed during adaptation; something '
                'trains or overwrites it'
            )

    def _fingerprints(self) -> dict[str, str]:
        with torch.no_grad():
            return {n: fingerprint(root) for n, root in self._roots.items()}


def _report_silent(silent: list[str], named: frozenset[str]) -> None:
    """Raise for silent sites that the user named, list others."""
    wanted = [name for name in silent if name in named]
    silent = wanted or silent
    if not silent:
        return
    message = f'{len(silent)} adapter sites never fire, {silent[:3]} first'
    if wanted:
        raise ValueError(f'{message}; check `model.adapter.sites`')
    print_log(f'{message}; they stay at the identity', logger='current')

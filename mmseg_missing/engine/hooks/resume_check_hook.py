"""A resumed run says what is not as it was."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ..network import unwrapped
from ..resume import differences

NAMED_KEYS = 2


@HOOKS.register_module()
class ResumeCheckHook(Hook):
    """Compare a resumed run with what its checkpoint says.

    Keys of the config that differ are logged, each with what it was. Another
    network is refused, since MMEngine would load what fits and begin anew
    with the rest; so is a schedule that has ended at a learning rate of 0.

    Raises:
        ValueError: as said; the sentence has the remedy.
    """

    priority = 'VERY_HIGH'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare config and network, before anything is taken over."""
        if not runner._resume:
            return
        then = checkpoint.get('meta', {}).get('cfg')
        lines = differences(then, runner.cfg.pretty_text) if then else []
        for line in lines:
            _warn(line)
        model = unwrapped(runner.model)
        _check_same_network(model, checkpoint.get('state_dict', {}), lines)

    def before_train(self, runner: Runner) -> None:
        """Look whether anything is learnt until the end."""
        ends = _dead_end(runner)
        if ends is None:
            return
        said = (
            f'the learning rate ends at 0 after {ends}, and whatever is '
            'trained then learns nothing'
        )
        if not runner.iter:
            _warn(f'{said}; set `end` in `param_scheduler`')
            return
        path = runner._load_from
        raise ValueError(
            f'{said}, because a resumed run keeps its schedule; to train '
            'longer, begin a new run with its weights: another `--work-dir`, '
            f'no `--resume`, and `--cfg-options load_from={path}`'
        )


def _check_same_network(
    model: nn.Module, state: Mapping, lines: list[str]
) -> None:
    """Refuse a checkpoint with other keys or shapes."""
    found = {k.removeprefix('module.'): v.shape for k, v in state.items()}
    expected = {k: v.shape for k, v in model.state_dict().items()}
    other = sorted(
        k for k in {*found, *expected} if found.get(k) != expected.get(k)
    )
    if other:
        of_model = [line for line in lines if '`model.' in line]
        why = f' ({of_model[0]})' if of_model else ''
        raise ValueError(
            f'the checkpoint to resume from holds another network{why}: '
            f'{len(other)} parameters differ, {other[:NAMED_KEYS]} first; '
            'resume with its own config, or take another `--work-dir`'
        )


def _dead_end(runner: Runner) -> str | None:
    """Return when the learning rate stays at 0, if that is too early."""
    schedulers = runner.param_schedulers or []
    if isinstance(schedulers, Mapping):
        schedulers = [s for group in schedulers.values() for s in group]
    schedulers = [s for s in schedulers if s.param_name == 'lr']
    if not schedulers:
        return None
    last = max(schedulers, key=lambda s: s.end)
    total = runner.max_epochs if last.by_epoch else runner.max_iters
    if last.end >= total or not _ends_at_zero(last):
        return None
    unit = 'epochs' if last.by_epoch else 'iterations'
    return f'{last.end} of {total} {unit}'


def _ends_at_zero(scheduler: object) -> bool:
    lowest = (
        getattr(scheduler, name, None)
        for name in ('eta_min', 'eta_min_ratio', 'end_factor')
    )
    return any(value == 0 for value in lowest)


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)

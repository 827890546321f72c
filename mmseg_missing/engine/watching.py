"""Scores that hooks wait for: the best checkpoint, stopping early."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log


def check_watched(
    hooks: Sequence[Hook],
    metrics: Sequence[Any],
    combinations: Sequence[str],
    fixed: str | None,
) -> None:
    """Refuse hooks that wait for what never comes.

    Args:
        hooks: Hooks of the runner.
        metrics: Metrics of the validation; what has no method ``gives`` is
            trusted.
        combinations: What is scored.
        fixed: The combination whose score training cannot move; None: all
            can move.

    Raises:
        ValueError: names the hook, and what it can watch.
    """
    for hook, key in watched(hooks):
        name = type(hook).__name__
        if key != 'auto' and not any(_gives(m, key) for m in metrics):
            raise ValueError(
                f'{name} watches {key!r}, which is not measured; let it watch '
                f"'mIoU_missing' of CombinationIoUMetric, or a combination's "
                f"score, such as '{combinations[-1]}/mIoU' of IoUMetric"
            )
        if fixed in key.split('/') or list(combinations) == [fixed]:
            raise ValueError(
                f'{name} watches {key!r} of {fixed}, which adapters leave as '
                "it is; let it watch 'mIoU_missing', with "
                "`val_cfg.present='every'`"
            )
        if _keeps_the_worst(hook) and ('IoU' in key or key == 'auto'):
            raise ValueError(
                f"{name} watches {key!r} by the rule 'less', but a higher "
                "score is a better one; set `rule='greater'`"
            )


def warn_of_plain_loop(hooks: Sequence[Hook], val_loop: Any) -> None:
    """Warn of hooks that wait for the score of complete samples.

    In the training of adapters it stays that of the base.

    Args:
        hooks: Hooks of the runner.
        val_loop: Validation loop of the runner; None: nothing is validated.
    """
    if val_loop is None or hasattr(val_loop, 'combinations'):
        return
    for hook, key in watched(hooks):
        print_log(
            f'{type(hook).__name__} watches {key!r} of complete samples, '
            'which adapters leave as it is; set '
            "`val_cfg.type='CombinationValLoop'`",
            logger='current',
            level=logging.WARNING,
        )


def watched(hooks: Sequence[Hook]) -> Iterator[tuple[Hook, str]]:
    """Yield hooks that wait for a score, and its name."""
    for hook in hooks:
        keys = getattr(hook, 'monitor', getattr(hook, 'save_best', None))
        for key in [keys] if isinstance(keys, str) else keys or ():
            yield hook, key


def _keeps_the_worst(hook: Hook) -> bool:
    return 'less' in (getattr(hook, 'rule', ''), *getattr(hook, 'rules', ()))


def _gives(metric: Any, key: str) -> bool:
    return metric.gives(key) if hasattr(metric, 'gives') else True

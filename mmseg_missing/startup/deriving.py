"""The config of adapters, derived from that of their base."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..modality import Stack
from .adapter_configs import has_adapter
from .checks import require
from .config_files import shipped

# What all configs of adapters share, and small networks besides.
RECIPE = 'configs/_base_/adapt.py'
# Measured were 12 epochs on a base of 12, 20 on 30 and 10 on 15
# (docs/results/adapters.md, nyuv2_small.md, networks.md).
SHARE, LEAST, MOST = 2 / 3, 12, 100
HYPER_RATE = 3  # times the rate of other rows; docs/results/adapters.md


def check_repairable(cfg: Config) -> Stack:
    """Return the stack of a network that adapters can repair.

    Raises:
        ValueError: it has adapters or a completion, or one sensor only.
    """
    if has_adapter(cfg):
        raise ValueError(
            f'{cfg.filename!r} has adapters already; give the config of '
            'their base, or train them: mmseg-missing train CONFIG --base FILE'
        )
    if cfg.model.get('completion') is not None:
        raise ValueError(
            f'{cfg.filename!r} completes what is missing with the whole '
            'network, which adapters would freeze; give the config of a '
            'network without `model.completion`'
        )
    stack = Stack(require(cfg, 'model.stack'))
    if len(stack.sensors) < 2:
        raise ValueError(
            f'there is nothing to repair: {cfg.filename!r} has one sensor, '
            f'{stack.full}, and without it nothing is left; give the config '
            'of a network with several'
        )
    return stack


def derive(
    cfg: Config,
    base: str | Path,
    combinations: Sequence[str] | None = None,
    epochs: int | None = None,
    teacher: bool = False,
    init: str | Path | None = None,
    rows: str | None = None,
    sites: str | None = None,
    fill: str | None = None,
) -> Config:
    """Return the config that trains adapters on a base.

    Data, batch size and augmentation are the base's, learning rate, schedule
    and hooks those of ``configs/_base_/adapt.py``.

    Args:
        cfg: Config of the base; it is kept as it is.
        base: Checkpoint of the base.
        combinations: To learn; default: all that miss something.
        epochs: Default: see :func:`default_epochs`.
        teacher: The base on all that is present teaches as well.
        init: Where rows start, see ``AdapterCheckpointHook``.
        rows: Row mode.
        sites: File of the sites; default: all.
        fill: What stands in for what is absent; default: as in the base.

    Raises:
        ValueError: epochs for a schedule in iterations.
    """
    recipe = Config.fromfile(str(shipped(RECIPE)))
    small = recipe.adapt_small
    cfg = deepcopy(cfg)
    cfg.base, cfg.load_from, cfg.resume = str(base), None, False
    cfg.find_unused_parameters = recipe.find_unused_parameters
    hooks = deepcopy(list(recipe.custom_hooks))
    for hook in hooks:
        if init is not None and hook.type == 'AdapterCheckpointHook':
            hook.init = str(init)
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or ()), *hooks]
    given = {'combinations': combinations, 'rows': rows, 'sites': sites}
    adapter = {k: v for k, v in given.items() if v is not None}
    cfg.model.adapter = {'type': 'ScaleShift', **adapter}
    cfg.model.sampler = 'round_robin'
    cfg.model.teacher = [{'type': 'LogitKL'}] if teacher else None
    forget_pretrained(cfg.model)
    if fill is not None:
        cfg.model.fill = fill
    optimizer = {'type': 'AdamW', **small.optim_wrapper.optimizer}
    rates = deepcopy(small.optim_wrapper.paramwise_cfg.custom_keys)
    if rows == 'hyper':
        optimizer['lr'] *= HYPER_RATE
        rates.predictors.lr_mult /= HYPER_RATE
    cfg.optim_wrapper.optimizer = optimizer
    cfg.optim_wrapper.paramwise_cfg = {'custom_keys': rates}
    cfg.param_scheduler = deepcopy(small.param_scheduler)
    _set_length(cfg, epochs)
    return cfg


def default_fill(cfg: Config) -> str | None:
    """Return what stands in for what is absent if nobody says.

    Two convolutions that see the sensors that are there, where the base has
    zero: docs/results/predicted.md has what they are worth, and cost. None:
    as in the base.
    """
    return 'predicted' if cfg.model.get('fill') in (None, 'zero') else None


def default_epochs(of_base: int) -> int:
    """Return for how many epochs adapters learn if nobody says.

    >>> [default_epochs(n) for n in (6, 12, 30, 120, 500)]
    [12, 12, 20, 80, 100]
    """
    return min(max(round(SHARE * of_base), LEAST), MOST)


def _set_length(cfg: Config, epochs: int | None) -> None:
    """Let training last this long, in epochs or iterations."""
    loop = cfg.train_cfg
    if loop.get('max_epochs') is not None:
        loop.max_epochs = epochs or default_epochs(loop.max_epochs)
        return
    if epochs is not None:
        raise ValueError(
            f'--epochs {epochs} does not fit {cfg.filename!r}, whose schedule '
            'counts iterations; give --cfg-options train_cfg.max_iters=N'
        )
    loop.max_iters = max(1, round(SHARE * require(cfg, 'train_cfg.max_iters')))
    for scheduler in cfg.param_scheduler:
        scheduler.by_epoch = False
        scheduler.pop('convert_to_iter_based', None)


def forget_pretrained(node: Any) -> None:
    """Leave out weights that the base replaces, in place."""
    if isinstance(node, MutableMapping):
        for key in ('init_cfg', 'pretrained', 'streams_from'):
            if key != 'init_cfg' and node.get(key):
                node[key] = None
            if key == 'init_cfg' and _is_pretrained(node.get(key)):
                node[key] = None
        for value in node.values():
            forget_pretrained(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            forget_pretrained(value)


def _is_pretrained(init: Any) -> bool:
    parts = init if isinstance(init, (list, tuple)) else [init]
    return any(
        isinstance(part, Mapping) and part.get('type') == 'Pretrained'
        for part in parts
    )

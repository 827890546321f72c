"""What a run needs, checked before it starts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from mmengine.config import Config

from ..values import choice, data_sets, whole


def require(cfg: Config, key: str) -> Any:
    """Return what a config has under a dotted key.

    Raises:
        ValueError: nothing, or None.
    """
    value: Any = cfg
    parts = key.split('.')
    for depth, part in enumerate(parts, 1):
        is_dict = isinstance(value, (Config, Mapping))
        value = value.get(part) if is_dict else None
        if value is None:
            file = getattr(cfg, 'filename', None)
            name = repr(file) if file else 'the config'
            raise ValueError(
                f'{name} has no `{".".join(parts[:depth])}`; add it, or give '
                'a leaf config'
            )
    return value


# What a config's sections are, as MMEngine takes them.
KINDS: dict[str, tuple[type, ...]] = {
    'model': (Mapping,),
    'model.backbone': (Mapping,),
    'model.decode_head': (Mapping, list, tuple),
    'model.stack': (list, tuple),
    'model.test_cfg': (Mapping,),
    'train_dataloader': (Mapping,),
    'train_dataloader.dataset': (Mapping,),
    'train_dataloader.sampler': (Mapping,),
    'val_dataloader': (Mapping,),
    'test_dataloader': (Mapping,),
    'test_dataloader.dataset': (Mapping,),
    'test_dataloader.sampler': (Mapping,),
    'train_cfg': (Mapping,),
    'val_cfg': (Mapping,),
    'test_cfg': (Mapping,),
    'val_evaluator': (Mapping, list, tuple),
    'test_evaluator': (Mapping, list, tuple),
    'optim_wrapper': (Mapping,),
    'optim_wrapper.optimizer': (Mapping,),
    'default_hooks': (Mapping,),
    'custom_hooks': (list, tuple),
    'env_cfg': (Mapping,),
    'randomness': (Mapping,),
    'load_from': (str,),
    'resume': (bool,),
    'work_dir': (str,),
    'log_level': (str,),
}
# A list of nothing would score, load or know nothing in silence.
FILLED = ('model.stack', 'val_evaluator', 'test_evaluator')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
LEAST = {
    'train_cfg.max_epochs': 1,
    'train_cfg.max_iters': 1,
    'train_cfg.val_begin': 0,
    'train_cfg.val_interval': 1,
    'train_dataloader.batch_size': 1,
    'val_dataloader.batch_size': 1,
    'test_dataloader.batch_size': 1,
    'train_dataloader.num_workers': 0,
    'val_dataloader.num_workers': 0,
    'test_dataloader.num_workers': 0,
    'randomness.seed': 0,
}
# Of Python's logging, which tells them from 3.11 on only.
LEVELS = ('CRITICAL', 'FATAL', 'ERROR', 'WARNING', 'WARN', 'INFO', 'DEBUG')


def check_kinds(cfg: Config) -> None:
    """Look at the sections of a config that are there.

    Raises:
        TypeError: a section of another kind.
        ValueError: an empty list, a number out of range, an unknown level.
    """
    for key, kinds in KINDS.items():
        value = _found(cfg, key)
        if value is not None and not isinstance(value, kinds):
            words = ' or '.join(_WORDS.get(k, k.__name__) for k in kinds)
            raise TypeError(
                f'`{key}` takes a {words}, got {value!r}; check the config'
            )
    for key in FILLED:
        if _found(cfg, key) in ([], ()):
            raise ValueError(f'`{key}` is empty; fill it, or leave it out')
    for loader in LOADERS:
        for dataset in data_sets(_found(cfg, f'{loader}.dataset')):
            is_config = isinstance(dataset, Mapping)
            if is_config and dataset.get('pipeline') in ([], ()):
                raise ValueError(
                    f'`{loader}.dataset.pipeline` is empty; fill it, or '
                    'leave it out'
                )
    for key, least in LEAST.items():
        value = _found(cfg, key)
        if value is not None:
            whole(key, value, least)
    level = cfg.get('log_level')
    if level is not None:
        choice('log_level', level, LEVELS)
    if (_found(cfg, 'model.test_cfg.mode') or 'whole') == 'slide':
        for key in ('crop_size', 'stride'):
            require(cfg, f'model.test_cfg.{key}')


def check_can_be_written(cfg: Config) -> None:
    """Refuse a network in a config that a run writes down.

    Raises:
        ValueError: `model.fill` holds something that can only be called.
    """
    for key in ('model.fill', 'model.module.fill'):
        fill = _found(cfg, key)
        for name, value in fill.items() if isinstance(fill, Mapping) else ():
            if callable(value):
                raise ValueError(
                    f'`{key}.{name}` is a {type(value).__name__}, and this '
                    'run writes its config down; register what builds it in '
                    "MODELS, and set dict(type='...')"
                )


_WORDS: dict[type, str] = {Mapping: 'dict', str: 'text', bool: 'True or False'}


def _found(cfg: Config, key: str) -> Any:
    """Return what is under a dotted key, None for nothing."""
    value: Any = cfg
    for part in key.split('.'):
        is_dict = isinstance(value, (Config, Mapping))
        value = value.get(part) if is_dict else None
    return value


def check_device(device: str, kinds: Collection[str] | None = None) -> str:
    """Return the type of a device that is there.

    Args:
        device: Such as ``cpu`` or ``cuda:1``.
        kinds: The types that will do; default: all.

    Raises:
        ValueError: another type, or a device that is not there.
    """
    try:
        kind = torch.empty(0, device=device).device.type
    # A torch that was built without the device asserts.
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f'there is no device {device!r} here; choose another `device` '
            '(--device), such as cpu'
        ) from error
    if kinds is not None and kind not in kinds:
        raise ValueError(
            f'expected a device of type {" or ".join(kinds)}, got '
            f'{device!r}; check --device'
        )
    return kind

"""Values that classes of MMEngine and torch would take as they come.

``shuffle=[0]`` counts as true there and a power of infinity as a number:
the run is another than the one that was meant, without a word.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.registry import (
    DATA_SAMPLERS,
    HOOKS,
    LOOPS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    DefaultScope,
    Registry,
)

from ..values import choice, flag, real, settings, whole

# Keys of MMEngine's DefaultOptimWrapperConstructor, which ignores others.
PARAMWISE = (
    'custom_keys',
    'bias_lr_mult',
    'bias_decay_mult',
    'norm_decay_mult',
    'flat_decay_mult',
    'dwconv_decay_mult',
    'dcn_offset_lr_mult',
    'bypass_duplicate',
)
PHASES = ('train', 'val', 'test')
# With a power below 0 a schedule ends at infinity.
NOT_NEGATIVE = ('.begin', '.power')


def check_foreign_values(cfg: Mapping[str, Any]) -> None:
    """Compare what sections of a config say with what their classes expect.

    Where a class has a number or a flag by default, the config must too;
    lists and None are left to the class.

    Raises:
        TypeError: no flag, or no number.
        ValueError: a number that is not finite, or no training at all.
    """
    with DefaultScope.overwrite_default_scope('mmseg'):
        for key, config, registry in _sections(cfg):
            for name, default in _defaults(config, registry).items():
                if name in config:
                    _check(f'{key}.{name}', config[name], default)
    loop = cfg.get('train_cfg')
    for name in ('max_epochs', 'max_iters'):
        if isinstance(loop, Mapping) and name in loop:
            whole(f'train_cfg.{name}', loop[name], 1)
    optimizer = cfg.get('optim_wrapper')
    if isinstance(optimizer, Mapping):
        is_default = optimizer.get('constructor') is None
        _check_multiples(optimizer.get('paramwise_cfg'), is_default)


def _sections(
    cfg: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], Registry]]:
    """Yield the key and config of every part, and who knows its class."""
    places: list[tuple[str, Any, Registry]] = []
    optimizer = cfg.get('optim_wrapper')
    places.append(('optim_wrapper', optimizer, OPTIM_WRAPPERS))
    if isinstance(optimizer, Mapping):
        inner = optimizer.get('optimizer')
        places.append(('optim_wrapper.optimizer', inner, OPTIMIZERS))
    for key, registry in (
        ('param_scheduler', PARAM_SCHEDULERS),
        ('custom_hooks', HOOKS),
        ('default_hooks', HOOKS),
    ):
        parts = cfg.get(key)
        if isinstance(parts, Mapping) and 'type' not in parts:
            parts = parts.items()
        else:
            parts = enumerate(parts if isinstance(parts, list) else [parts])
        places += [(f'{key}.{name}', part, registry) for name, part in parts]
    for phase in PHASES:
        places.append((f'{phase}_cfg', cfg.get(f'{phase}_cfg'), LOOPS))
        loader = cfg.get(f'{phase}_dataloader')
        if isinstance(loader, Mapping):
            key = f'{phase}_dataloader.sampler'
            places.append((key, loader.get('sampler'), DATA_SAMPLERS))
    for key, config, registry in places:
        if isinstance(config, Mapping):
            yield key, config, registry


def _defaults(config: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Return what the class of a part has by default."""
    kind = config.get('type')
    kind = registry.get(kind) if isinstance(kind, str) else kind
    if not callable(kind):  # who builds it says so
        return {}
    # Of schedulers the parents have the arguments.
    parts = [c.__init__ for c in reversed(getattr(kind, '__mro__', ()))]
    # This key is the Runner's own.
    own = registry is PARAM_SCHEDULERS
    known = {'convert_to_iter_based': False} if own else {}
    return known | {
        parameter.name: parameter.default
        for part in parts or [kind]
        for parameter in inspect.signature(part).parameters.values()
    }


def _check(key: str, value: Any, default: Any) -> None:
    if isinstance(default, bool):
        if value is not None and value not in (0, 1):
            flag(key, value)
    elif isinstance(default, (int, float)) and isinstance(
        value, (int, float, str, Mapping)
    ):
        real(key, value, least=0 if key.endswith(NOT_NEGATIVE) else None)


def _check_multiples(given: Any, is_default: bool) -> None:
    """Check what the optimizer's constructor, MMEngine's or another, gets."""
    if given is None:
        return
    key = 'optim_wrapper.paramwise_cfg'
    for name, value in settings(key, given).items():
        if is_default:
            choice(f'a key of {key}', name, PARAMWISE)
        if name.endswith('_mult'):
            real(f'{key}.{name}', value, least=0)

"""What MMEngine and torch would take as it comes."""

import math

import pytest

from mmseg_missing.startup.foreign_values import check_foreign_values

GOOD = {
    'optim_wrapper': {
        'type': 'OptimWrapper',
        'optimizer': {'type': 'AdamW', 'lr': 1e-3, 'betas': (0.9, 0.99)},
        'paramwise_cfg': {'norm_decay_mult': 0.0, 'custom_keys': {}},
        'clip_grad': None,
    },
    'param_scheduler': [
        {'type': 'LinearLR', 'start_factor': 0.1, 'begin': 0, 'end': 1},
        {'type': 'PolyLR', 'power': 0.9, 'convert_to_iter_based': True},
    ],
    'train_dataloader': {
        'sampler': {'type': 'DefaultSampler', 'shuffle': True}
    },
    'train_cfg': {'type': 'EpochBasedTrainLoop', 'max_epochs': 1},
    'default_hooks': {'logger': {'type': 'LoggerHook', 'interval': 50}},
    'custom_hooks': [{'type': 'CheckpointHook', 'save_last': True}],
    'val_cfg': None,
}
BAD = {
    'optim_wrapper.optimizer.lr': [math.nan, math.inf, 'x', True, {}],
    'optim_wrapper.optimizer.amsgrad': [[], 'x', 2],
    'optim_wrapper.paramwise_cfg.norm_decay_mult': ['', math.nan, -1],
    'optim_wrapper.paramwise_cfg': ['x', 1.5],
    'param_scheduler.1.power': [math.inf, True, '2', -1],
    'param_scheduler.0.begin': [-1, 'x'],
    'param_scheduler.0.end': [math.inf, {}],
    'param_scheduler.1.convert_to_iter_based': ['', [0], 10**9],
    'train_dataloader.sampler.shuffle': [[0], 'yes', math.nan],
    'train_cfg.max_epochs': [True, 0, 1.5, [1], None],
    'default_hooks.logger.interval': [math.nan, 'x'],
    'custom_hooks.0.save_last': ['no'],
}


def changed(node, path, value):
    """Return a copy with another value at a dotted path."""
    key, _, rest = path.partition('.')
    if isinstance(node, list):
        parts = list(node)
        parts[int(key)] = changed(node[int(key)], rest, value)
        return parts
    value = changed(node.get(key, {}), rest, value) if rest else value
    return {**node, key: value}


def test_good_values_pass():
    check_foreign_values(GOOD)
    check_foreign_values({})
    one = changed(GOOD, 'param_scheduler', GOOD['param_scheduler'][0])
    check_foreign_values(one)


@pytest.mark.parametrize(
    ('path', 'value'), [(p, v) for p, values in BAD.items() for v in values]
)
def test_bad_values_are_named(path, value):
    with pytest.raises((ValueError, TypeError), match=f'`{path}`'):
        check_foreign_values(changed(GOOD, path, value))


@pytest.mark.parametrize('key', GOOD)
@pytest.mark.parametrize('value', [None, 1.5, 'x', [], {}, [None]])
def test_other_shapes_are_left_to_who_builds_them(key, value):
    check_foreign_values({**GOOD, key: value})


def test_keys_that_nobody_reads():
    path = 'optim_wrapper.paramwise_cfg.norm_decay'
    with pytest.raises(ValueError, match="got 'norm_decay'"):
        check_foreign_values(changed(GOOD, path, 0.0))

"""Sensors that fall ill in training."""

import pytest
import torch

from mmseg_missing.corruptions import corrupt
from mmseg_missing.modality import Stack
from mmseg_missing.models.segmentors.degrading import Degrading

STACK = Stack(
    [
        {'name': 'rgb', 'mean': [100.0], 'std': [50.0]},
        {'name': 'depth', 'channels': 1, 'mean': [3.1], 'std': [1.7]},
        {'name': 'hha', 'mean': [1.0], 'std': [2.0], 'sensor': 'depth'},
    ]
)
N = 40


@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(N, 7, 12, 18)


THERE = torch.ones(N, 3, dtype=torch.bool)
SHOWN = STACK.present(['rgb', 'depth+hha'] * (N // 2))


def degraded_channels(spoilt, x):
    parts = [
        (spoilt != x)[:, s].flatten(1).any(1) for s in STACK.slices.values()
    ]
    return torch.stack(parts, 1)


def test_only_what_is_told_is_spoilt(x):
    draw = Degrading(STACK, rate=0.5, severities=[5])
    spoilt, present, degraded = draw(x, THERE, SHOWN, 3)
    assert torch.equal(degraded_channels(spoilt, x), degraded)
    assert not (degraded & ~present).any()
    is_ill = degraded.any(1)
    assert 10 <= is_ill.sum() <= 30
    assert torch.equal(present[~is_ill], SHOWN[~is_ill])
    # One sensor each; some show everything, some what the sampler drew.
    assert torch.equal(degraded[:, 1], degraded[:, 2])
    assert not (degraded[:, 0] & degraded[:, 1]).any()
    is_complete = present[is_ill].all(1)
    assert 0 < is_complete.sum() < is_ill.sum()


def test_draws_depend_on_seed_step_and_rank_alone(x):
    draw = Degrading(STACK, rate=0.5)
    first = draw(x, THERE, SHOWN, 3)
    again = Degrading(STACK, rate=0.5)(x, THERE, SHOWN, 3)
    for one, other in zip(first, again):
        assert torch.equal(one, other)
    others = [
        draw(x, THERE, SHOWN, 4),
        draw(x, THERE, SHOWN, 3, 1),
        Degrading(STACK, rate=0.5, seed=1)(x, THERE, SHOWN, 3),
    ]
    for other in others:
        assert not torch.equal(first[2], other[2])


def test_faults_act_in_raw_units(x):
    """Holes of depth carry no weight and stay 0."""
    raw = x * 1.7 + 3.1
    raw[:, 3, :5] = 0
    x = torch.cat((x[:, :3], ((raw[:, 3:4]) - 3.1) / 1.7, x[:, 4:]), 1)
    draw = Degrading(STACK, rate=1.0, faults=['drift'], severities=[5])
    spoilt, _, degraded = draw(x, THERE, SHOWN, 0)
    [i, *_] = degraded[:, 1].nonzero().flatten().tolist()
    found = spoilt[i, 3] * 1.7 + 3.1
    assert found[:5].abs().max() < 1e-5
    options = [corrupt(raw[i, 3:4], 'drift', 5, seed) for seed in range(30)]
    away = (found - raw[i, 3])[5:].abs().mean()
    usual = torch.stack([(o[0] - raw[i, 3])[5:].abs().mean() for o in options])
    assert usual.min() * 0.9 < away < usual.max() * 1.1


def test_nothing_at_rate_0(x):
    spoilt, present, degraded = Degrading(STACK, 0.0)(x, THERE, SHOWN, 0)
    assert torch.equal(spoilt, x) and torch.equal(present, SHOWN)
    assert degraded is None


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ({'rate': 1.5}, r'`model\.degrade\.rate`.*1\.5'),
        ({'rate': -0.1}, r'`model\.degrade\.rate`'),
        ({'faults': ['rust']}, "unknown fault 'rust'"),
        ({'severities': [6]}, 'severity'),
        ({'faults': []}, 'needs a fault and a severity'),
    ],
)
def test_bad_values_are_named(given, words):
    with pytest.raises(ValueError, match=words):
        Degrading(STACK, **given)

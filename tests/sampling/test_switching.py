"""Samplers that show single sensors."""

from collections import Counter

import pytest
import torch

from mmseg_missing.modality import Modality, Stack
from mmseg_missing.sampling import build_sampler

NAMES = ('rgb', 'depth', 'thermal', 'nir')
SENSORS = {'rgb': 'camera', 'depth': 'depth', 'aolp': 'camera'}


@pytest.fixture
def stack():
    return Stack([{'name': name} for name in NAMES])


@pytest.fixture
def camera():
    return Stack([Modality(n, sensor=s) for n, s in SENSORS.items()])


def batches(stack, sampler, count=600, batch=4, present=None, rank=0):
    """Return the names of what is drawn, a list per batch."""
    flags = torch.tensor([present or [True] * len(stack)] * batch)
    sampler = build_sampler(stack, sampler)
    return [
        [*stack.names_of(sampler.draw(flags, step, rank))]
        for step in range(count)
    ]


def shares(drawn):
    counts = Counter(name for batch in drawn for name in batch)
    return {name: n / counts.total() for name, n in counts.items()}


@pytest.mark.parametrize('name', ['switch', 'single'])
def test_single_sensors_equally_often(stack, name):
    found = shares(batches(stack, name))
    assert set(found) == set(NAMES)
    assert all(abs(share - 1 / 4) < 0.06 for share in found.values())


def test_a_sample_switches_or_a_batch(stack):
    kinds = [len(set(batch)) for batch in batches(stack, 'single', 99)]
    assert set(kinds) == {1}
    kinds = [len(set(batch)) for batch in batches(stack, 'switch', 99)]
    assert sum(kinds) / 99 > 2  # 2.7 of 4, by chance


def test_what_lacks_the_sensor_of_its_batch_shows_another(stack):
    sampler = build_sampler(stack, 'single')
    flags = torch.ones(3, 4, dtype=torch.bool)
    flags[1, 0] = False
    seen = set()
    for step in range(60):
        first, lacking, last = stack.names_of(sampler.draw(flags, step))
        assert first == last
        assert lacking == first or first == 'rgb' != lacking
        seen.add(lacking)
    assert seen == set(NAMES[1:])


@pytest.mark.parametrize('batch', [1, 2, 5])
def test_half_of_the_samples_keep_all(stack, batch):
    drawn = batches(stack, 'half', 600, batch)
    found = shares(drawn)
    assert found.pop(stack.full) == 1 / 2
    assert set(found) == set(NAMES)
    assert all(abs(share - 1 / 8) < 0.06 for share in found.values())
    if batch > 1:
        assert all(stack.full in shown for shown in drawn)
    lacking = (True, True, False, True)
    found = shares(batches(stack, 'half', 99, 2, lacking))
    assert found['rgb+depth+nir'] == 1 / 2 and 'thermal' not in found


def test_sensors_switch_whole(camera):
    for name in ('switch', 'single'):
        found = shares(batches(camera, name))
        assert found['depth'] == pytest.approx(1 / 2, abs=0.06)
        assert set(found) == {'rgb+aolp', 'depth'}


def test_beside_what_is_kept(stack):
    sampler = {'type': 'switch', 'keep': ['depth']}
    found = shares(batches(stack, sampler))
    assert set(found) == {'rgb+depth', 'depth+thermal', 'depth+nir'}
    assert all(abs(share - 1 / 3) < 0.06 for share in found.values())
    kept = {'type': 'single', 'keep': NAMES}
    assert set(shares(batches(stack, kept, 9))) == {stack.full}


@pytest.mark.parametrize('name', ['switch', 'half', 'single'])
def test_seed_step_and_rank_decide(stack, name):
    first = batches(stack, name, 40)
    assert first == batches(stack, name, 40)
    assert first[:20] != first[20:]
    assert first != batches(stack, name, 40, rank=1)
    assert first != batches(stack, {'type': name, 'seed': 1}, 40)


def test_what_contains_another_is_not_drawn(stack):
    sampler = build_sampler(stack, 'switch')
    sampler.allow(['rgb', 'rgb+depth', 'depth+nir'])
    flags = torch.ones(40, 4, dtype=torch.bool)
    drawn = stack.names_of(sampler.draw(flags, 0))
    assert set(drawn) == {'rgb', 'depth+nir'}

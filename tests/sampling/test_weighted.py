"""What was lost decides what is drawn next."""

import math

import pytest
import torch

from mmseg_missing.modality import Modality, Stack
from mmseg_missing.present import places
from mmseg_missing.sampling import build_sampler

NAMES = ('rgb', 'depth', 'thermal')
LOSSES = {'rgb': 0.5, 'depth': 2.0, 'rgb+depth': 0.25}


@pytest.fixture
def stack():
    return Stack([Modality(name) for name in NAMES])


@pytest.fixture
def make(stack):
    """Return a function that makes a sampler which draws all that misses."""

    def make(**settings):
        sampler = build_sampler(stack, {'type': 'weighted', **settings})
        sampler.allow(stack.incomplete())
        return sampler

    return make


def table(stack, losses):
    """Return what a sampler hears, from losses by name."""
    found = torch.full((1 << len(stack),), math.nan, dtype=torch.float64)
    found[places(stack.present(losses))] = torch.tensor(
        [*losses.values()], dtype=torch.float64
    )
    return found


def hear(sampler, *steps):
    for losses in steps:
        sampler.heard(table(sampler.stack, losses))
    return sampler


def shares(sampler, steps=600, present=(True, True, True)):
    one = torch.tensor([present])
    drawn = torch.cat([sampler.draw(one, step) for step in range(steps)])
    names = list(sampler.stack.names_of(drawn))
    counts = [
        sum(bool((d == p).all()) for d in drawn)
        for p in sampler.stack.present(names)
    ]
    return {n: count / steps for n, count in zip(names, counts, strict=True)}


def test_all_alike_before_the_first_step(make, stack):
    chances = make().chances(stack.incomplete())
    assert list(chances.values()) == pytest.approx([1 / 6] * 6)


def test_chances_by_hand(make):
    sampler = hear(make(floor=0.4, temperature=0.5), LOSSES)
    found = sampler.chances([*LOSSES])
    weights = {n: math.exp(loss / 0.5) for n, loss in LOSSES.items()}
    for name, weight in weights.items():
        expected = 0.4 / 3 + 0.6 * weight / sum(weights.values())
        assert found[name] == pytest.approx(expected)


def test_what_is_drawn_follows_the_chances(make, stack):
    losses = dict.fromkeys(stack.incomplete(), 0.1)
    sampler = hear(make(floor=0.3), {**losses, 'depth': 3.0})
    expected = sampler.chances(stack.incomplete())
    found = shares(sampler)
    assert found['depth'] > 0.6  # the rest shares what is left
    for name, chance in expected.items():
        assert found[name] == pytest.approx(chance, abs=0.05)


def test_the_floor_is_kept(make, stack):
    losses = dict.fromkeys(stack.incomplete(), 0.0)
    sampler = hear(make(floor=0.3), {**losses, 'depth': 1e3})
    chances = sampler.chances(stack.incomplete())
    assert min(chances.values()) == pytest.approx(0.3 / 6)
    assert sum(chances.values()) == pytest.approx(1)
    everything = hear(make(floor=1.0), {**losses, 'depth': 1e3})
    assert set(everything.chances(losses).values()) == {1 / 6}


def test_running_losses_by_hand(make):
    sampler = hear(
        make(momentum=0.75),
        {'rgb': 4.0},
        {'rgb': 8.0, 'depth': 1.0},
        {'rgb': math.inf, 'depth': math.nan},
    )
    state = sampler.state_dict()['loss']
    places_of = places(sampler.stack.present(['rgb', 'depth', 'thermal']))
    assert state[places_of[:2]].tolist() == [5.0, 1.0]
    assert state[places_of[2]].isnan()


def test_what_was_never_shown_counts_as_the_worst(make):
    chances = hear(make(), LOSSES).chances([*LOSSES, 'thermal'])
    assert chances['thermal'] == chances['depth'] == max(chances.values())


def test_a_gap_does_not_chase_what_is_hopeless(make):
    """Depth is worst and stays as it is, RGB has lost what it had."""
    steps = [{'rgb': 0.5, 'depth': 3.0}, {'rgb': 1.5, 'depth': 3.0}]
    settings = {'momentum': 0.0, 'temperature': 0.1, 'floor': 0.0}
    gap = hear(make(by='gap', **settings), *steps).chances(['rgb', 'depth'])
    assert gap['rgb'] > 0.99
    loss = hear(make(by='loss', **settings), *steps).chances(['rgb', 'depth'])
    assert loss['depth'] > 0.99


def test_a_lucky_beginning_is_forgotten(make):
    sampler = hear(make(by='gap', momentum=0.5), {'rgb': 0.0})
    hear(sampler, *[{'rgb': 2.0}] * 200)
    state = sampler.state_dict()
    gap = (state['loss'] - state['lowest']).nan_to_num()
    assert 0 < gap.max() < 1e-2


def test_what_has_everything_is_not_drawn_with_adapters(make, stack):
    drawn = shares(make(), 200)
    assert stack.full not in drawn and len(drawn) == 6
    without = build_sampler(stack, 'weighted')
    assert stack.full in shares(without, 200)


def test_what_a_sample_lacks_has_no_share(make):
    sampler = hear(make(floor=0.0, temperature=0.01), LOSSES)
    assert set(shares(sampler, 50, (True, False, False))) == {'rgb'}


def test_its_state_goes_on(make):
    one = hear(make(), LOSSES, {'thermal': 0.75})
    two = make()
    two.load_state_dict(one.state_dict())
    hear(one, {'rgb': 3.0}), hear(two, {'rgb': 3.0})
    torch.testing.assert_close(
        two.state_dict(), one.state_dict(), rtol=0, atol=0, equal_nan=True
    )
    assert shares(one, 30) == shares(two, 30)
    assert shares(one, 30) != shares(make(), 30)


@pytest.mark.parametrize('state', [{}, {'loss': torch.zeros(4)}])
def test_the_state_of_another_sampler(make, state):
    with pytest.raises(ValueError, match=r'of 8 combinations.*`model\.sampl'):
        make().load_state_dict(state)


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'by': 'size'}, r'sampler\.by` takes one of loss, gap'),
        ({'floor': 1.5}, r'sampler\.floor` must be at most 1'),
        ({'temperature': 0}, r'sampler\.temperature` must be above 0'),
        ({'momentum': 1.0}, r'sampler\.momentum` must be below 1'),
    ],
)
def test_wrong_settings(make, settings, words):
    with pytest.raises(ValueError, match=words):
        make(**settings)

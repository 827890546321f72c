"""What the student sees in a training step."""

import time
from collections import Counter

import pytest
import torch

from mmseg_missing.modality import Modality, Stack
from mmseg_missing.sampling import SAMPLERS, build_sampler

FULL = (True, True, True)
# The modality switching that shows single sensors.
SWITCHING = {'switch', 'half', 'single'}
# What a sample may have: everything, or less.
PARTS = [FULL, (True, False, True), (False, True, True), (False, True, False)]


@pytest.fixture
def stack():
    return Stack([{'name': n} for n in ('rgb', 'depth', 'thermal')])


@pytest.fixture
def camera():
    """RGB and polarisation come from one camera and fail together."""
    return Stack(
        [
            Modality('rgb', sensor='camera'),
            Modality('depth'),
            Modality('aolp', sensor='camera'),
        ]
    )


@pytest.fixture
def satellites():
    """Two satellites, each of which looked twice."""
    return Stack(
        [
            Modality(f'{sensor}_{time}', sensor=sensor)
            for sensor in ('s1', 's2')
            for time in ('before', 'after')
        ]
    )


def draw(sampler, presents, *args):
    """Draw, as tuples that can be compared."""
    drawn = sampler.draw(torch.tensor(presents), *args)
    assert drawn.dtype == torch.bool
    return [tuple(flags) for flags in drawn.tolist()]


def draws(sampler, present, count=300, batch=2):
    return [
        drawn
        for iteration in range(count)
        for drawn in draw(sampler, [present] * batch, iteration)
    ]


def named(stack, drawn):
    return stack.names_of(torch.tensor([*drawn]))


def shares(sampler, present, count=1000):
    drawn = draws(sampler, present, count, batch=1)
    return {k: v / len(drawn) for k, v in Counter(drawn).items()}


@pytest.mark.parametrize('present', PARTS)
@pytest.mark.parametrize('name', SAMPLERS)
def test_a_part_of_what_is_present_and_never_empty(stack, name, present):
    for drawn in draws(build_sampler(stack, name), present):
        assert len(drawn) == 3 and any(drawn)
        assert all(p or not d for d, p in zip(drawn, present, strict=True))


@pytest.mark.parametrize('name', SAMPLERS)
def test_one_draw_per_sample(stack, name):
    drawn = draw(build_sampler(stack, name), PARTS, 3)
    assert len(drawn) == len(PARTS)
    assert drawn[3] == (False, True, False)  # nothing to choose from


@pytest.mark.parametrize('name', SAMPLERS)
@pytest.mark.parametrize('present', [(False,) * 3, (True,), (True,) * 4])
def test_wrong_present_is_refused(stack, name, present):
    with pytest.raises(ValueError, match='`present` needs 3 entries'):
        build_sampler(stack, name).draw(torch.tensor([present]), 0)


@pytest.mark.parametrize('name', sorted(set(SAMPLERS) - {'full'}))
def test_keep(stack, name):
    sampler = build_sampler(stack, {'type': name, 'keep': ['depth']})
    drawn = set(draws(sampler, FULL))
    assert {d[1] for d in drawn} == {True}
    assert len(drawn) >= (2 if name in SWITCHING else 3)  # others still drop
    # Who lacks the kept modality itself trains on.
    assert draws(sampler, (True, False, True), 5)


@pytest.mark.parametrize('name', sorted(set(SAMPLERS) - {'full'}))
def test_modalities_of_one_sensor_fail_together(camera, name):
    drawn = set(draws(build_sampler(camera, name), FULL))
    assert {(d[0], d[2]) for d in drawn} == {(True, True), (False, False)}
    # A file of one of them may be absent; the other is then alone.
    alone = set(draws(build_sampler(camera, name), (True, True, False)))
    assert alone >= {(True, False, False), (False, True, False)}


@pytest.mark.parametrize('name', sorted(set(SAMPLERS) - {'full'}))
def test_keeping_one_modality_keeps_its_sensor(camera, name):
    sampler = build_sampler(camera, {'type': name, 'keep': ['aolp']})
    assert {(d[0], d[2]) for d in draws(sampler, FULL)} == {(True, True)}


def test_full(stack):
    for present in PARTS:
        assert set(draws(build_sampler(stack, 'full'), present)) == {present}


def test_uniform(stack):
    found = shares(build_sampler(stack, 'uniform'), FULL)
    assert len(found) == 7
    assert all(abs(share - 1 / 7) < 0.04 for share in found.values())


def test_size_first(stack):
    found = shares(build_sampler(stack, 'size_first'), FULL)
    assert len(found) == 7
    sizes = Counter()
    for drawn, share in found.items():
        sizes[sum(drawn)] += share
    assert all(abs(share - 1 / 3) < 0.05 for share in sizes.values())


@pytest.mark.parametrize('batch', [1, 2, 3, 4, 6, 7])
def test_round_robin_reaches_all(stack, batch):
    sampler = build_sampler(stack, 'round_robin')
    drawn = Counter(draws(sampler, FULL, count=12, batch=batch))
    assert set(named(stack, drawn)) == set(stack.incomplete())
    assert max(drawn.values()) - min(drawn.values()) <= 1


def test_round_robin_over_ranks(stack):
    sampler = build_sampler(stack, 'round_robin')
    drawn = {draw(sampler, [FULL], 0, rank)[0] for rank in range(6)}
    assert len(drawn) == 6


def test_round_robin_over_named_combinations(stack):
    sampler = build_sampler(
        stack, {'type': 'round_robin', 'combinations': ['rgb', 'depth+rgb']}
    )
    assert (
        draws(sampler, FULL, 2)
        == [
            (True, False, False),
            (True, True, False),
        ]
        * 2
    )
    # Cannot be served: the sample's own modalities.
    assert set(draws(sampler, (False, True, True))) == {(False, True, True)}


@pytest.mark.parametrize(
    ('combination', 'settings'),
    [('rgb', {}), ('depth+rgb', {}), ('depth', {'keep': ['rgb']})],
)
def test_round_robin_refuses_what_never_comes(camera, combination, settings):
    make = {'type': 'round_robin', 'combinations': [combination], **settings}
    words = f'{combination}.*never be drawn.*`sensor`'.replace('+', r'\+')
    with pytest.raises(ValueError, match=words):
        build_sampler(camera, make)


PAIRS = ('s1_before+s1_after', 's2_before+s2_after')


def test_round_robin_takes_turns_over_whole_sensors(satellites):
    full, none, both = (True,) * 4, (False, False), (True, True)
    turns = [(*both, *none), (*none, *both)]
    plain = build_sampler(satellites, 'round_robin')
    assert draws(plain, full, 3) == turns * 3
    # As adapters name their combinations.
    make = {'type': 'round_robin', 'combinations': sorted(PAIRS)}
    assert draws(build_sampler(satellites, make), full, 3) == turns * 3
    # A file of each satellite is absent: it is trained on as it is, too.
    halves = (False, True, False, True)
    assert set(draws(plain, halves)) == {
        halves,
        (False, True, False, False),
        (False, False, False, True),
    }


def can_be_drawn(stack, **settings):
    sampler = build_sampler(stack, {'type': 'uniform', **settings})
    drawn = set(draws(sampler, (True,) * len(stack), 400))
    names = {*named(stack, drawn)} - {stack.full}
    return tuple(name for name in stack.subsets() if name in names)


def test_what_can_be_drawn(stack, camera, satellites):
    assert can_be_drawn(stack) == stack.incomplete()
    assert can_be_drawn(stack, keep=['depth']) == (
        'rgb+depth',
        'depth+thermal',
        'depth',
    )
    assert can_be_drawn(camera) == ('rgb+aolp', 'depth')
    assert can_be_drawn(satellites) == PAIRS
    assert can_be_drawn(Stack([Modality(n, sensor='x') for n in 'ab'])) == ()


@pytest.mark.parametrize('name', sorted(set(SAMPLERS) - {'full'}))
def test_only_what_is_learned_is_drawn(stack, name):
    sampler = build_sampler(stack, name)
    sampler.allow(['depth', 'rgb+thermal'])
    drawn = {*named(stack, draws(sampler, FULL))}
    assert drawn - {stack.full} == {'depth', 'rgb+thermal'}
    lacking = (True, True, False)
    drawn = {*named(stack, draws(sampler, lacking))}
    assert drawn == {'depth'}
    # Nothing that this sample can show is learned: it shows what it has.
    assert set(draws(sampler, (True, False, False))) == {(True, False, False)}


def test_a_restriction_that_leaves_nothing(stack):
    sampler = build_sampler(stack, {'type': 'uniform', 'keep': ['rgb']})
    with pytest.raises(ValueError, match=r'never draws a comb.*depth'):
        sampler.allow(['depth'])
    make = {'type': 'round_robin', 'combinations': ['rgb', 'depth']}
    with pytest.raises(ValueError, match=r"'rgb' can never.*no row"):
        build_sampler(stack, make).allow(['depth'])
    build_sampler(stack, 'full').allow(['depth'])


def test_a_restriction_that_splits_a_sensor(camera):
    for name in ('uniform', 'round_robin'):
        with pytest.raises(ValueError, match=r"'depth\+aolp' can .*spl"):
            build_sampler(camera, name).allow(['depth', 'depth+aolp'])


@pytest.mark.parametrize('seed', ['a', 1.5, None, True])
def test_a_seed_is_a_whole_number(stack, seed):
    """A text has another hash in every process."""
    with pytest.raises(TypeError, match=r'`model\.sampler\.seed` takes a who'):
        build_sampler(stack, {'type': 'uniform', 'seed': seed})


@pytest.mark.parametrize('name', SAMPLERS)
def test_many_modalities_are_drawn_quickly(name):
    """Subsets are enumerated once, not for each sample."""
    stack = Stack([Modality(f'm{i}', channels=1) for i in range(8)])
    sampler = build_sampler(stack, name)
    batch = torch.ones(8, 8, dtype=torch.bool)
    sampler.draw(batch, 0)

    def seconds():
        start = time.perf_counter()
        sampler.draw(batch, 1)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(20)) < 1e-3


@pytest.mark.parametrize('name', sorted(set(SAMPLERS) - {'full'}))
def test_nothing_else_is_drawn(satellites, name):
    drawn = set(draws(build_sampler(satellites, name), (True,) * 4))
    known = {*satellites.incomplete()}
    drawn = {*named(satellites, drawn)}
    assert known <= drawn <= known | {satellites.full}


def test_bernoulli_rates(stack):
    rates = {'rgb': 0.2, 'thermal': 0.6}
    sampler = build_sampler(stack, {'type': 'bernoulli', 'rate': rates})
    drawn = draws(sampler, FULL, 1500, batch=1)
    gone = [sum(not d[m] for d in drawn) / len(drawn) for m in range(3)]
    for share, rate in zip(gone, (0.2, 0, 0.6), strict=True):
        assert abs(share - rate) < 0.04
    both = sum(not d[0] and not d[2] for d in drawn) / len(drawn)
    assert abs(both - 0.12) < 0.04  # independent


def test_bernoulli_repeats_empty_draws(stack):
    sampler = build_sampler(stack, {'type': 'bernoulli', 'rate': 0.99})
    found = shares(sampler, FULL, 300)
    singles = [share for drawn, share in found.items() if sum(drawn) == 1]
    assert len(singles) == 3 and all(abs(s - 1 / 3) < 0.1 for s in singles)


def test_bernoulli_one_rate_per_sensor(camera):
    make = {'type': 'bernoulli', 'rate': {'rgb': 0.5, 'aolp': 0.4}}
    with pytest.raises(ValueError, match=r'same for all.*`model\.sampler\.ra'):
        build_sampler(camera, make)
    sampler = build_sampler(camera, {**make, 'rate': {'aolp': 0.5}})
    assert abs(shares(sampler, FULL)[(False, True, False)] - 0.5) < 0.06


@pytest.mark.parametrize('name', ['uniform', 'size_first', 'bernoulli'])
def test_draws_depend_on_seed_iteration_rank_and_position(stack, name):
    def sequence(seed=0, rank=0, first=0):
        sampler = build_sampler(stack, {'type': name, 'seed': seed})
        return [draw(sampler, [FULL] * 3, first + i, rank) for i in range(20)]

    assert sequence() == sequence()
    assert sequence() != sequence(seed=1)
    assert sequence() != sequence(rank=1)
    assert sequence()[10:] == sequence(first=10)[:10]  # as after resuming
    columns = list(zip(*sequence(), strict=True))
    assert columns[0] != columns[1]


def test_draws_are_the_same_in_every_process(stack):
    sampler = build_sampler(stack, 'uniform')
    drawn = [draw(sampler, [FULL], i)[0] for i in range(6)]
    assert named(stack, drawn) == [
        'rgb+thermal',
        'rgb',
        'rgb+depth',
        'depth+thermal',
        'rgb+depth',
        'rgb+depth',
    ]


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ('random', r"unknown sampler 'random'.*full, uniform"),
        ({}, 'unknown sampler None'),
        ({'type': 'full', 'rate': 0.5}, r'`model\.sampler`.*rate'),
        ({'type': 'uniform', 'keep': ['lidar']}, "unknown modality 'lidar'"),
        ({'type': 'bernoulli', 'rate': {'lidar': 0.5}}, 'unknown modality'),
        (
            {'type': 'bernoulli', 'rate': 1},
            r'rate` must be below 1, got 1',
        ),
        ({'type': 'bernoulli', 'rate': -0.1}, 'must be at least 0, got -0.1'),
        ({'type': 'round_robin', 'combinations': ['lidar']}, 'unknown modal'),
        ({'type': 'round_robin', 'combinations': ['']}, 'at least one'),
        ({'type': 'round_robin', 'combinations': []}, 'combinations'),
    ],
)
def test_wrong_settings(stack, settings, words):
    with pytest.raises(ValueError, match=words):
        build_sampler(stack, settings)


def test_callers_settings_stay_as_they_are(stack):
    settings = {'type': 'uniform', 'seed': 3}
    build_sampler(stack, settings)
    assert settings == {'type': 'uniform', 'seed': 3}

"""Rates at which sensors drop, over a training."""

import pytest

ADAPTER = {'type': 'ScaleShift', 'rows': 'table'}
SAMPLER = {'type': 'bernoulli'}


@pytest.fixture
def adapt(make_runner, base):
    """Return a function that gives a Runner with a schedule."""

    def adapt(hooks=(), sampler=SAMPLER, settings=None, **schedule):
        schedule = {
            'type': 'MissingRateScheduleHook',
            'rate': (0.1, 0.7),
            'by_epoch': False,
            **schedule,
        }
        join = {'type': 'AdapterCheckpointHook', 'base': base}
        return make_runner(
            adapter=ADAPTER,
            hooks=[join, schedule, *hooks],
            sampler=sampler,
            **{'validate': False, **(settings or {})},
        )

    return adapt


def rates_of(runner):
    """Train, and return the rate of each step."""
    sampler, rates = runner.model.sampler, []
    set_rate = sampler.set_rate

    def watched(rate):
        rates.append(rate)
        set_rate(rate)

    sampler.set_rate = watched
    runner.train()
    return rates


@pytest.mark.parametrize(
    ('schedule', 'expected'),
    [
        ({}, [0.1, 0.22, 0.34, 0.46, 0.58, 0.7]),
        ({'begin': 1, 'end': 3}, [0.1, 0.1, 0.4, 0.7, 0.7, 0.7]),
        ({'rate': (0.6, 0.0), 'end': 2}, [0.6, 0.3, 0, 0, 0, 0]),
    ],
)
def test_a_ramp(adapt, schedule, expected):
    assert rates_of(adapt(**schedule)) == pytest.approx(expected)


def test_by_epoch(adapt):
    """Three steps each."""
    settings = {'loop': 'epoch', 'iters': 9}
    rates = rates_of(adapt(settings=settings, by_epoch=True))
    assert rates == pytest.approx([0.1] * 3 + [0.4] * 3 + [0.7] * 3)


def test_nothing_drops_at_first(adapt):
    """Then nearly every sample lacks something."""
    runner = adapt(rate=(0.0, 0.9), begin=2, end=3)
    sampler, drawn = runner.model.sampler, []
    draw = sampler.draw

    def watched(*args, **kwargs):
        present = draw(*args, **kwargs)
        drawn.append(tuple(sampler.stack.names_of(present)))
        return present

    sampler.draw = watched
    runner.train()
    assert drawn[:3] == [('rgb+depth',) * 2] * 3
    missing = [n for names in drawn[3:] for n in names if n != 'rgb+depth']
    assert len(missing) >= 5  # of six


def test_a_resumed_run_has_the_same_rates(adapt):
    stop = {'type': 'StopHook', 'after': 4}
    with pytest.raises(KeyboardInterrupt):
        adapt([stop]).train()
    rates = rates_of(adapt(settings={'resume': True}))
    assert rates == pytest.approx([0.46, 0.58, 0.7])  # from iteration 3 on


@pytest.mark.parametrize(
    ('schedule', 'word'),
    [
        ({'rate': 0.5}, 'takes a list'),
        ({'rate': (0.1, 0.5, 0.7)}, 'the first rate and the last'),
        ({'rate': (0.1, 1.0)}, r'HOOK\.rate|Hook\.rate'),
        ({'begin': -1}, r'Hook\.begin'),
        ({'begin': 4, 'end': 4}, r'Hook\.end'),
        ({'by_epoch': 'x'}, r'Hook\.by_epoch'),
    ],
)
def test_wrong_values(adapt, schedule, word):
    with pytest.raises((ValueError, TypeError), match=word):
        adapt(**schedule)


def test_a_sampler_without_a_rate(adapt):
    runner = adapt(sampler='round_robin')
    with pytest.raises(ValueError, match=r"RoundRobinSampler.*'bernoulli'"):
        runner.train()

"""Which sites a budget buys."""

import json

import pytest

from mmseg_missing.adapters.sites import read_sites
from mmseg_missing.importance.placement import (
    Placement,
    choose,
    choose_randomly,
    combine,
    write_sites,
)

SCORES = [5.0, 4.0, 3.0, 2.0, 0.0, 0.0, 0.0, 0.0]
COSTS = [40, 2, 10, 2, 2, 2, 2, 40]


def test_best_sites():
    assert choose(SCORES, COSTS, 0.25) == [0, 1]
    # Nothing that nobody asked for, even if the budget would allow it.
    assert choose(SCORES, COSTS, 1.0) == [0, 1, 2, 3]


def test_best_per_number():
    # 25 of 100 numbers: 4 / 2, 2 / 2, 3 / 10; then 5 / 40 does not fit.
    assert choose(SCORES, COSTS, 0.25, 'numbers') == [1, 2, 3]


def test_nothing_fits():
    with pytest.raises(ValueError, match='raise --budget'):
        choose([1.0, 0.0], [90, 10], 0.5, 'numbers')


def test_random_sites():
    drawn = [choose_randomly(COSTS, 0.5, seed=seed) for seed in range(9)]

    assert all(len(set(d)) == 4 and d == sorted(d) for d in drawn)
    assert len(set(map(tuple, drawn))) > 3
    assert drawn[0] == choose_randomly(COSTS, 0.5, seed=0)


def test_random_numbers():
    for seed in range(9):
        drawn = choose_randomly(COSTS, 0.25, 'numbers', seed)
        assert 0 < sum(COSTS[i] for i in drawn) <= 25


def test_combinations_weigh_alike_however_large_their_loss():
    values = {'a': [3.0, 1.0], 'b': [0.0, 0.01], 'c': [0.0, 0.0]}

    assert combine(values) == [0.75, 1.25]
    weights = {'a': 1.0, 'b': 0.5, 'c': 9.0}
    assert combine(values, weights) == [0.75, 0.75]
    # What splits a sensor is never left.
    assert combine(values, {'a': 1.0}) == [0.75, 0.25]


@pytest.mark.parametrize(
    ('settings', 'word'),
    [
        ({'by': 'luck'}, "one of .* got 'luck'"),
        ({'budget': 0.0}, 'part in \\(0, 1\\]'),
        ({'budget': 25}, '--budget'),
        ({'unit': 'layers'}, 'sites or numbers'),
        ({'missing_rate': 1.0}, r'must be in \(0, 1\)'),
    ],
)
def test_settings_that_cannot_work(settings, word):
    with pytest.raises(ValueError, match=word):
        Placement(**settings)


def test_file_is_what_attach_reads(tmp_path):
    path = tmp_path / 'sites.json'

    write_sites(path, ['stages.0', 'stages.10'], by='snr', budget=0.25)

    assert read_sites(path) == [r'(?:stages\.0)', r'(?:stages\.10)']
    assert json.loads(path.read_text())['by'] == 'snr'

"""Games of two and three players, worked by hand."""

import random

import pytest

from mmseg_missing.importance.shapley import interactions, shapley_values

PAIR = {'': 10.0, 'a': 30.0, 'b': 20.0, 'a+b': 50.0}
# The glove game: a holds a left glove, b and c a right one each.
GLOVES = dict.fromkeys(['', 'a', 'b', 'c', 'b+c'], 0.0)
GLOVES.update(dict.fromkeys(['a+b', 'a+c', 'a+b+c'], 1.0))


def test_two_players():
    # a: (30 - 10 + 50 - 20) / 2, b: (20 - 10 + 50 - 30) / 2
    assert shapley_values(PAIR) == {'a': 25, 'b': 15}
    assert interactions(PAIR) == {'a+b': 50 - 30 - 20 + 10}


def test_gloves():
    assert shapley_values(GLOVES) == pytest.approx(
        {'a': 2 / 3, 'b': 1 / 6, 'c': 1 / 6}
    )
    # ab: S = {}: 1 - 0 - 0 + 0; S = {c}: 1 - 1 - 0 + 0; their mean.
    # bc: S = {}: 0; S = {a}: 1 - 1 - 1 + 0.
    assert interactions(GLOVES) == pytest.approx(
        {'a+b': 1 / 2, 'a+c': 1 / 2, 'b+c': -1 / 2}
    )


@pytest.fixture
def game():
    numbers = random.Random(0)
    players = ['rgb', 'depth', 'thermal', 'nir']
    return {
        '+'.join(p for i, p in enumerate(players) if bits >> i & 1): (
            numbers.random()
        )
        for bits in range(16)
    }


def test_values_share_out_what_all_reach(game):
    total = game['rgb+depth+thermal+nir'] - game['']

    assert sum(shapley_values(game).values()) == pytest.approx(total)


def test_a_sum_has_no_interactions():
    worth = {'a': 1.0, 'b': 2.0, 'c': 4.0}
    game = {
        name: sum(worth[p] for p in name.split('+') if p)
        for name in ['', 'a', 'b', 'c', 'a+b', 'a+c', 'b+c', 'a+b+c']
    }

    assert shapley_values(game) == pytest.approx(worth)
    assert max(map(abs, interactions(game).values())) < 1e-12


def test_one_player_gets_everything():
    assert shapley_values({'': 1.0, 'rgb': 3.0}) == {'rgb': 2}
    assert interactions({'': 1.0, 'rgb': 3.0}) == {}


@pytest.mark.parametrize('missing', ['', 'a', 'a+c'])
def test_every_subset_is_needed(missing):
    game = {k: v for k, v in GLOVES.items() if k != missing}

    with pytest.raises(ValueError, match='all 8 subsets, '):
        shapley_values(game)

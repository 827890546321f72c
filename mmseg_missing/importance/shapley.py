"""Exact Shapley values of sensors, from the value of every subset."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from math import comb

EMPTY = ''
"""The name of the subset without any sensor."""

Game = dict[frozenset[str], float]


def shapley_values(values: Mapping[str, float]) -> dict[str, float]:
    """Return what each of M sensors adds, averaged over all orders.

    phi_m = sum over S without m of |S|! (M - |S| - 1)! / M! *
    (v(S + m) - v(S)); they sum to v(all) - v(nothing).

    Args:
        values: v of all 2^M subsets, ``{'': ..., 'rgb': ..., 'rgb+depth':
            ...}``.

    Raises:
        ValueError: a subset lacks.

    >>> values = {'': 0.0, 'rgb': 40.0, 'depth': 30.0, 'rgb+depth': 60.0}
    >>> shapley_values(values)
    {'rgb': 35.0, 'depth': 25.0}
    """
    players, game = _read(values)
    return {
        player: sum(
            weight * (game[rest | {player}] - game[rest])
            for rest, weight in _weighted(players, {player})
        )
        for player in players
    }


def interactions(values: Mapping[str, float]) -> dict[str, float]:
    """Return the Shapley interaction index of every pair, ``'rgb+depth'``.

    I_ij = sum over S without i, j of |S|! (M - |S| - 2)! / (M - 1)! *
    (v(S + ij) - v(S + i) - v(S + j) + v(S)). Below 0 one can replace the
    other; above 0 they need each other.

    Args:
        values: Scores as in :func:`shapley_values`.

    Raises:
        ValueError: a subset lacks.

    Source: Grabisch and Roubens, An axiomatic approach to the concept of
    interaction among players in cooperative games, 1999.

    >>> values = {'': 0.0, 'rgb': 40.0, 'depth': 30.0, 'rgb+depth': 60.0}
    >>> interactions(values)  # one can replace the other
    {'rgb+depth': -10.0}
    """
    players, game = _read(values)
    return {
        f'{one}+{other}': sum(
            weight
            * (
                game[rest | {one, other}]
                - game[rest | {one}]
                - game[rest | {other}]
                + game[rest]
            )
            for rest, weight in _weighted(players, {one, other})
        )
        for one, other in combinations(players, 2)
    }


def _weighted(
    players: Collection[str], apart: Collection[str]
) -> Iterator[tuple[frozenset[str], float]]:
    """Yield the subsets without ``apart``; sizes share evenly, weights too.

    |S|! (n - |S|)! / (n + 1)! = 1 / ((n + 1) C(n, |S|)), n others.
    """
    others = [player for player in players if player not in apart]
    for size in range(len(others) + 1):
        weight = 1 / (len(others) + 1) / comb(len(others), size)
        for rest in combinations(others, size):
            yield frozenset(rest), weight


def _read(values: Mapping[str, float]) -> tuple[list[str], Game]:
    """Return the players, in the order of the largest subset, and v."""
    players = max(values, key=len, default=EMPTY).split('+')
    game = {
        frozenset(name.split('+') if name else ()): value
        for name, value in values.items()
    }
    for size in range(len(players) + 1):
        for subset in combinations(players, size):
            if frozenset(subset) not in game:
                raise ValueError(
                    f'Shapley values need v of all {2 ** len(players)} '
                    f'subsets, {"+".join(subset) or "the empty one"!r} lacks'
                )
    return players, game

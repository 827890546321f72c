"""Comparing the time of several steps on a machine that is not quiet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import quantiles
from time import perf_counter

import torch

# How the times come about, for reports.
MEASURED_IN_TURN = (
    'wall-clock time of a batch; within a round the networks run in turn, and '
    'a ratio is one of two times of the same round'
)


def interleave(
    steps: Mapping[str, Callable[[], None]],
    repeats: int,
    warm_up: int = 2,
    device: str = 'cpu',
    advance: Callable[[], None] = lambda: None,
) -> dict[str, list[float]]:
    """Time several steps in turn, so that noise meets all of them alike.

    The order turns by one each round: nobody always runs after the same one.

    Args:
        steps: Name and what to run.
        repeats: Rounds that count.
        warm_up: Rounds before them that do not.
        device: Where the steps run.
        advance: Called after each step.

    Returns:
        Seconds of each round for each step, wall-clock time.
    """
    names = list(steps)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for index in range(warm_up + repeats):
        for name in names:
            start = perf_counter()
            steps[name]()
            _wait_for(device)
            if index >= warm_up:
                seconds[name].append(perf_counter() - start)
            advance()
        names.append(names.pop(0))
    return seconds


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, minimum and the 10 % and 90 % points of ``values``."""
    if len(values) == 1:
        values = [*values, *values]
    tenths = quantiles(values, n=10, method='inclusive')
    return {
        'median': tenths[4],
        'min': min(values),
        'p10': tenths[0],
        'p90': tenths[-1],
    }


def ratio_spread(
    seconds: Sequence[float], reference: Sequence[float]
) -> dict[str, float]:
    """Return the spread of the ratios within each round."""
    return spread([a / b for a, b in zip(seconds, reference, strict=True)])


def _wait_for(device: str) -> None:
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)

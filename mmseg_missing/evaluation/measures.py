"""Measures over combinations, from ``{'rgb+depth': mIoU, ...}``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ..modality import Modality, Stack
from ..values import real


def named_stack(
    modalities: Sequence[str] | Stack, sensors: Sequence[str] = ()
) -> Stack:
    """Return a stack that knows names and sensors, and nothing else.

    Args:
        modalities: Names in stack order; a stack is returned as it is.
        sensors: One per modality; empty: each modality is its own.

    Raises:
        ValueError: another number of sensors than of modalities.
    """
    if isinstance(modalities, Stack):
        return modalities
    if len(sensors or modalities) != len(modalities):
        raise ValueError(
            f'expected one sensor for each of {"+".join(modalities)}, got '
            f'{list(sensors)}'
        )
    pairs = zip(modalities, sensors or modalities, strict=True)
    return Stack([Modality(name, sensor=sensor) for name, sensor in pairs])


def sensor_groups(stack: Stack) -> list[str]:
    """Return the modalities of each sensor, such as ``aolp+dolp``."""
    return [
        '+'.join(m.name for m in stack if m.sensor == sensor)
        for sensor in stack.sensors
    ]


def combination_names(modalities: Sequence[str] | Stack) -> tuple[str, ...]:
    """Return the combinations of whole sensors, larger ones first.

    Args:
        modalities: The stack, or names of which each is its own sensor.
    """
    return named_stack(modalities).combinations()


def failing(stack: Stack, names: Collection[str]) -> Stack:
    """Return what fails by itself, where ``names`` were scored.

    Sensors do; where all subsets were asked for, modalities do.
    """
    return stack.apart() if set(stack.subsets()) <= set(names) else stack


def scope(stack: Stack, names: Collection[str]) -> str:
    """Return which combinations ``names`` are, for tables.

    It is empty where each modality is its own sensor.
    """
    if len(stack.sensors) == len(stack):
        return ''
    if set(stack.subsets()) <= set(names):
        return 'all subsets'
    if set(names) <= set(stack.combinations()):
        return 'whole sensors'
    return 'sensors split'


def check_missing_rate(p: float) -> float:
    """Return ``p``; raise where E(p) is not defined."""
    return real('missing_rates', p, least=0, below=1)


def mean_miou(miou: Mapping[str, float]) -> float:
    """Return the plain mean over the combinations, the full one included.

    Raises:
        ValueError: no combination.

    >>> mean_miou({'rgb+depth': 60.0, 'rgb': 40.0, 'depth': 20.0})
    40.0
    """
    _check_any(miou)
    return sum(miou.values()) / len(miou)


def worst_combination(miou: Mapping[str, float]) -> str:
    """Return the name of the combination with the lowest score.

    Raises:
        ValueError: no combination.

    >>> worst_combination({'rgb+depth': 60.0, 'rgb': 40.0, 'depth': 20.0})
    'depth'
    """
    _check_any(miou)
    return min(miou, key=miou.__getitem__)


def chances(stack: Stack, p: float) -> dict[str, float]:
    """Return how often each combination of whole sensors is left.

    p^(S-s) (1-p)^s, with s of S sensors left; they sum to 1 - p^S.

    Args:
        stack: The modalities and their sensors.
        p: Each sensor fails by itself with this probability.
    """
    found = {}
    for name in stack.combinations():
        left = len({stack[part].sensor for part in name.split('+')})
        found[name] = p ** (len(stack.sensors) - left) * (1 - p) ** left
    return found


def expected_miou(
    miou: Mapping[str, float], modalities: Sequence[str] | Stack, p: float
) -> float:
    """Return E(p): each sensor fails by itself with probability ``p``.

    E(p) = sum over C of p^(S-|C|) (1-p)^|C| mIoU(C) / (1 - p^S), over the
    2^S - 1 non-empty sets C of the S sensors.

    Args:
        miou: Score of every combination of whole sensors.
        modalities: The stack, or names of which each is its own sensor.
        p: Probability in [0, 1).

    Raises:
        ValueError: a combination lacks, or ``p`` is out of range.

    Source: EMM of arXiv:2503.18445, where each modality has a sensor of its
    own.

    >>> miou = {'rgb+depth': 60.0, 'rgb': 40.0, 'depth': 20.0}
    >>> round(expected_miou(miou, ['rgb', 'depth'], p=0.1), 2)
    54.55
    """
    weights = chances(named_stack(modalities), check_missing_rate(p))
    _check_scored(miou, weights)
    total = sum(weight * miou[name] for name, weight in weights.items())
    return total / sum(weights.values())


def recovered_fraction(
    adapted: Mapping[str, float],
    pretrained: Mapping[str, float],
    dedicated: Mapping[str, float],
) -> float:
    """Return how much of the gap to dedicated networks adaptation closed.

    A ratio of sums over the combinations of ``dedicated``: fractions of
    single combinations explode where the gap is small. 1 is as good as
    networks trained for these combinations alone.

    Raises:
        ValueError: a combination lacks, or there is no gap to close.

    >>> recovered_fraction({'rgb': 45.0}, {'rgb': 30.0}, {'rgb': 50.0})
    0.75
    """
    _check_any(dedicated)
    _check_scored(adapted, dedicated)
    _check_scored(pretrained, dedicated)
    gained = sum(adapted[name] - pretrained[name] for name in dedicated)
    gap = sum(dedicated[name] - pretrained[name] for name in dedicated)
    if gap <= 0:
        raise ValueError(
            'a recovered fraction needs dedicated networks that are better '
            f'than the pretrained one, got a summed gap of {gap:.2f} points'
        )
    return gained / gap


def won_back(
    adapted: Mapping[str, float],
    pretrained: Mapping[str, float],
    full: str,
    names: Collection[str] | None = None,
) -> float | None:
    """Return which share of what missing sensors cost was won back.

    sum(adapted - pretrained) / sum(pretrained of all sensors - pretrained):
    1 is as good as with every sensor. For one combination it is its own
    share, for several that of their means. It needs no dedicated networks.

    Args:
        adapted: Score of each combination.
        pretrained: The same before adaptation, and of ``full``.
        full: The combination that misses nothing.
        names: Over which; default: all of ``adapted`` but ``full``.

    Returns:
        None: nothing was lost.

    Raises:
        ValueError: a combination lacks.

    >>> before = {'rgb+depth': 60.0, 'rgb': 30.0}
    >>> won_back({'rgb': 45.0}, before, full='rgb+depth')
    0.5
    """
    if names is None:
        names = [name for name in adapted if name != full]
    _check_scored(adapted, names)
    _check_scored(pretrained, [*names, full])
    gained = sum(adapted[name] - pretrained[name] for name in names)
    lost = sum(pretrained[full] - pretrained[name] for name in names)
    return gained / lost if lost > 0 else None


def shares_won_back(
    adapted: Mapping[str, float], pretrained: Mapping[str, float], full: str
) -> dict[str, float]:
    """Return :func:`won_back` of each combination that lost something."""
    shares = {
        name: won_back(adapted, pretrained, full, [name])
        for name in adapted
        if name != full
    }
    return {name: share for name, share in shares.items() if share is not None}


class Pair(NamedTuple):
    """Two combinations, of which one holds the other and scores worse.

    Args:
        larger: Larger combination of the pair.
        smaller: The other.
        loss: Points that it is worse by, above 0.
    """

    larger: str
    smaller: str
    loss: float


def nested_pairs(images: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return all (larger, smaller) of which one holds the other.

    Args:
        images: How many each combination was scored on. Others are not
            compared, which may be easier.

    >>> nested_pairs({'rgb+depth': 9, 'rgb': 9, 'depth': 9})
    [('rgb+depth', 'rgb'), ('rgb+depth', 'depth')]
    """
    parts = {name: set(name.split('+')) for name in images}
    return [
        (larger, smaller)
        for larger in images
        for smaller in images
        if parts[larger] > parts[smaller] and images[larger] == images[smaller]
    ]


def worse_pairs(
    miou: Mapping[str, float], pairs: Collection[tuple[str, str]]
) -> list[Pair]:
    """Return those of ``pairs`` of which the larger scores worse.

    Args:
        miou: Score of each combination.
        pairs: Pairs as :func:`nested_pairs` gives them.

    Returns:
        The worst pair first.

    >>> worse_pairs({'rgb+depth': 40.0, 'rgb': 50.0}, [('rgb+depth', 'rgb')])
    [Pair(larger='rgb+depth', smaller='rgb', loss=10.0)]
    """
    found = [Pair(a, b, miou[b] - miou[a]) for a, b in pairs]
    worse = [pair for pair in found if pair.loss > 0]
    return sorted(worse, key=lambda pair: -pair.loss)


def _check_any(miou: Mapping[str, float]) -> None:
    """Raise ValueError if there is no score at all."""
    if not miou:
        raise ValueError('expected the mIoU of one combination or more')


def _check_scored(miou: Mapping[str, float], names: Collection[str]) -> None:
    """Raise ValueError if one of ``names`` has no score."""
    missing = [name for name in names if name not in miou]
    if missing:
        raise ValueError(
            f'no mIoU of {", ".join(missing)}, only of '
            f'{", ".join(miou) or "nothing"}; evaluate these combinations '
            'too (`present`)'
        )

"""Measures over combinations, from ``{'rgb+depth': mIoU, ...}``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mmseg_missing.modality import Modality, Stack


def combination_names(modalities: Sequence[str]) -> tuple[str, ...]:
    """Return the 2^M - 1 combinations of these names, larger ones first."""
    return Stack([Modality(name) for name in modalities]).combinations()


def check_missing_rate(p: float) -> float:
    """Return ``p``; raise ValueError where E(p) is not defined."""
    if not 0 <= p < 1:
        raise ValueError(
            f'a missing rate must be in [0, 1), got {p}; check `missing_rates`'
        )
    return p


def mean_miou(miou: Mapping[str, float]) -> float:
    """Return the plain mean over the combinations, the full one included.

    Raises:
        ValueError: no combination.
    """
    _check_any(miou)
    return sum(miou.values()) / len(miou)


def worst_combination(miou: Mapping[str, float]) -> str:
    """Return the name of the combination with the lowest score.

    Raises:
        ValueError: no combination.
    """
    _check_any(miou)
    return min(miou, key=miou.__getitem__)


def expected_miou(
    miou: Mapping[str, float], modalities: Sequence[str], p: float
) -> float:
    """Return E(p): each modality fails by itself with probability ``p``.

    E(p) = sum over S of p^(M-|S|) (1-p)^|S| mIoU(S) / (1 - p^M), over the
    2^M - 1 non-empty subsets S.

    Args:
        miou: Score of every combination.
        modalities: The M names in stack order.
        p: In [0, 1).

    Raises:
        ValueError: a combination lacks, or ``p`` is out of range.

    Source: EMM of the robustness benchmark, arXiv:2503.18445.
    """
    check_missing_rate(p)
    names = combination_names(modalities)
    _check_scored(miou, names)
    m = len(modalities)
    total = 0.0
    for name in names:
        size = name.count('+') + 1
        total += p ** (m - size) * (1 - p) ** size * miou[name]
    return total / (1 - p**m)


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

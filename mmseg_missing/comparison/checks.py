"""Which finished runs may stand in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..evaluation.measures import sensor_groups
from ..evaluation.report import Report
from ..modality import Stack
from .runs import Part, Run


def check_alike(parts: Sequence[Part]) -> dict[str, int]:
    """Return the images of every combination, the same for all parts.

    Raises:
        ValueError: reports by different rules, of different splits, classes,
            modalities or images.
    """
    seen: dict[str, tuple[Any, Part]] = {}
    widest = max(parts, key=lambda part: len(part.report.modalities))
    stack = widest.report.modalities
    for part in parts:
        for what, mine in part.report.facts.items():
            its, other = seen.setdefault(what, (mine, part))
            if mine != its:
                _refuse(part, other, what, *_where(mine, its))
        known = [name for name in stack if name in part.report.modalities]
        if tuple(known) != part.report.modalities:
            _refuse(part, widest, 'modalities', part.report.modalities, stack)
        mine, its = (_sensors(p.report, known) for p in (part, widest))
        if mine != its:
            _refuse(part, widest, 'modalities by sensor', mine, its)
    scores = (c for part in parts for c in part.report.combinations)
    return {c.name: c.images for c in scores}


def check_dedicated(dedicated: Sequence[Run], full: str) -> None:
    """Refuse networks that know all modalities.

    Raises:
        ValueError: there is one.
    """
    for part in (part for run in dedicated for part in run.parts):
        if part.combination == full:
            raise ValueError(
                f'{part.folder!r} is no dedicated network: it knows all of '
                f'{full}; train one with --modalities'
            )


def check_scored(
    runs: Sequence[Run], scores: Sequence[Mapping[str, float]]
) -> list[str]:
    """Return the combinations that all runs have a score for.

    Raises:
        ValueError: a run lacks one that another has.
    """
    everything = list(dict.fromkeys(name for miou in scores for name in miou))
    for run, miou in zip(runs, scores, strict=True):
        lacking = [name for name in everything if name not in miou]
        if lacking:
            raise ValueError(
                f'{run.name!r} has no mIoU of {", ".join(lacking)}, another '
                'run has; score all on the same combinations (mmseg-missing '
                'test --present)'
                + ('; --base gives the full one' if run.is_split else '')
            )
    return everything


def _sensors(report: Report, names: Sequence[str]) -> list[str]:
    """Return which of ``names`` fail together, such as ``aolp+dolp``."""
    if not names:
        return []
    return sensor_groups(Stack([m for m in report.stack if m.name in names]))


def _where(mine: Any, other: Any) -> tuple[Any, Any]:
    """Shorten two lists of classes to what differs."""
    if not isinstance(mine, tuple):
        return mine, other
    if len(mine) != len(other):
        return len(mine), len(other)
    return next((a, b) for a, b in zip(mine, other, strict=True) if a != b)


def _refuse(part: Part, other: Part, what: str, mine: Any, its: Any) -> None:
    raise ValueError(
        f'{part.folder!r} cannot be compared with {other.folder!r}: {what} '
        f'{mine!r} and {its!r}; score both in the same way (mmseg-missing '
        'test)'
    )

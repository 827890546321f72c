"""Whether runs may stand in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..modality import Stack
from .protocols import sensor_groups
from .report import Report
from .run import BASE, DEDICATED, Part, Run


def check_alike(parts: Sequence[Part]) -> dict[str, int]:
    """Return the images of every combination, the same for all parts.

    Raises:
        ValueError: reports by different rules, of different splits, classes,
            modalities or images.
    """
    first = parts[0]
    widest = max(parts, key=lambda part: len(part.report.modalities))
    stack = widest.report.modalities
    images: dict[str, tuple[int, Part]] = {}
    for part in parts:
        for what, read in READ.items():
            mine, other = read(part.report), read(first.report)
            if mine != other:
                _refuse(part, first, what, *_where(mine, other))
        known = [name for name in stack if name in part.report.modalities]
        if tuple(known) != part.report.modalities:
            _refuse(part, first, 'modalities', part.report.modalities, stack)
        mine, other = (_sensors(p.report, known) for p in (part, widest))
        if mine != other:
            _refuse(part, widest, 'modalities by sensor', mine, other)
        for scores in part.report.combinations:
            count, other = images.setdefault(
                scores.name, (scores.images, part)
            )
            if count != scores.images:
                what = f'images of {scores.name}'
                _refuse(part, other, what, scores.images, count)
    return {name: count for name, (count, _) in images.items()}


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
                'run has; score all on the same combinations (tools/test.py '
                '--present)'
                + ('; --base gives the full one' if run.is_split else '')
            )
    return everything


def group_seeds(runs: Sequence[Run]) -> list[list[Run]]:
    """Return the seeds of each method, in the order the methods came.

    Raises:
        ValueError: one seed of a method twice, or a name that is taken.
    """
    methods: dict[str, dict[int | None, Run]] = {}
    for run in runs:
        if run.name in (BASE, DEDICATED):
            raise ValueError(
                f'no method can be called {run.name!r}; rename '
                f'{run.parts[0].folder!r}, or check --name-pattern'
            )
        seeds = methods.setdefault(run.name, {})
        other = seeds.setdefault(run.seed, run)
        if other is not run:
            raise ValueError(
                f'{other.parts[0].folder!r} and {run.parts[0].folder!r} are '
                f'both {run.name!r}; let the names of seeds end in '
                '-seed<number>, or check --name-pattern'
            )
    return [
        sorted(seeds.values(), key=lambda run: (run.seed is None, run.seed))
        for seeds in methods.values()
    ]


READ = {
    'rule': lambda report: report.rule,
    'split': lambda report: report.split,
    'condition': lambda report: report.condition,
    'classes': lambda report: report.classes,
}


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
        f'{mine!r} and {its!r}; score both in the same way (tools/test.py)'
    )

"""What a reader of a report should not miss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .measures import sensor_groups

if TYPE_CHECKING:
    from .report import Report


def notes_on(report: Report) -> tuple[str, ...]:
    """Return sentences that stand below the table."""
    notes = (
        _together(report),
        _beaten(report),
        _lost(report),
        _unlabelled(report),
    )
    return tuple(filter(None, notes))


def _together(report: Report) -> str:
    """Say which modalities were never told apart."""
    if report.scope != 'whole sensors':
        return ''
    names = [group for group in sensor_groups(report.stack) if '+' in group]
    return (
        f'fail together: {", ".join(names)} (--present subsets scores all '
        'subsets)'
    )


def _beaten(report: Report) -> str:
    """Say what is better off without some sensor, on the same images."""
    images = {c.name: c.images for c in report.combinations}
    most = report.miou.get(report.full, math.inf)
    better = [
        f'{name} ({miou:.2f})'
        for name, miou in report.miou.items()
        if miou > most and images[name] == images[report.full]
    ]
    if not better:
        return ''
    return f'better than {report.full} ({most:.2f}): {", ".join(better)}'


def _lost(report: Report) -> str:
    """Say what the first combination, the largest, never predicts."""
    first = report.combinations[0]
    names = [report.classes[index] for index in first.never_predicted]
    if not names:
        return ''
    return (
        f'never predicted with {first.name}, though the labels have it: '
        f'{", ".join(names)}'
    )


def _unlabelled(report: Report) -> str:
    """Say which classes no label holds, so that nothing scores them."""
    first = report.combinations[0]
    names = [report.classes[index] for index in first.never_labelled]
    if not names:
        return ''
    return f'in no label, and not in any mean by mmseg: {", ".join(names)}'

"""Methods over the share of the training data that lacks modalities."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from prettytable import PrettyTable

from ..values import probability
from ..visualization.line_chart import line_chart
from .comparison import Comparison, Stat

RATE = re.compile(r'(?P<method>.+)[-_]absence[-_]?(?P<rate>\d*\.?\d+)')
CURVE_FILE = 'curve.png'

Curves = dict[str, dict[float, Stat]]


def absence_curves(comparison: Comparison) -> Curves:
    """Return the mean over missing combinations, by method and rate.

    Args:
        comparison: Runs that are called ``<method>-absence<rate>``.

    Raises:
        ValueError: none is, a rate outside of 0 to 1, or runs without a
            combination that misses something.
    """
    curves: Curves = {}
    for method in comparison.methods:
        found = RATE.fullmatch(method.name)
        if found is None:
            continue
        if method.mean_missing is None:
            raise ValueError(
                f'{method.name!r} was scored on no combination that misses '
                'something; test it on all of them'
            )
        rate = probability('absence', float(found['rate']))
        curves.setdefault(found['method'], {})[rate] = method.mean_missing
    if not curves:
        names = [method.name for method in comparison.methods]
        raise ValueError(
            'a curve takes runs that are called <method>-absence<rate>, such '
            f"as 'ssf-absence0.3-seed0', got {names}"
        )
    return curves


def leaders(curves: Mapping[str, Mapping[float, Stat]]) -> list[list[str]]:
    """Return for each rate who leads, and by how much, with a header.

    Args:
        curves: Curves as :func:`absence_curves` gives them.
    """
    rows = [['absence', 'leads', 'mIoU, missing', 'ahead of the next by']]
    for rate in sorted(
        {rate for points in curves.values() for rate in points}
    ):
        scores = sorted(
            (
                (points[rate].mean, name)
                for name, points in curves.items()
                if rate in points
            ),
            key=lambda pair: -pair[0],
        )
        (best, name), *rest = scores
        ahead = f'{best - rest[0][0]:.2f} ({rest[0][1]})' if rest else '-'
        rows.append([f'{rate:g}', name, f'{best:.2f}', ahead])
    return rows


def write_curve(
    comparison: Comparison, curves: Curves, folder: str | Path
) -> str:
    """Draw the curves into ``curve.png``; return the table of leaders.

    Args:
        comparison: Whose curves they are; for the small print.
        curves: Curves as :func:`absence_curves` gives them.
        folder: Which is there.
    """
    series = {
        name: {rate: (stat.mean, stat.spread) for rate, stat in points.items()}
        for name, points in curves.items()
    }
    # Fills, run by run, would take more room than the lines.
    parts = comparison.settings.split('; ')
    note = '; '.join(part for part in parts if not part.startswith('fill '))
    figure = line_chart(
        series,
        'Trained on data that lack modalities',
        f'{note}; bars: standard deviation over seeds',
        'share of the training samples without a modality',
        'mean mIoU over missing combinations (%)',
    )
    figure.savefig(Path(folder) / CURVE_FILE, dpi=150)
    header, *rows = leaders(curves)
    table = PrettyTable(header)
    table.add_rows(rows)
    return table.get_string()

"""What an analysis of modalities found, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from prettytable import PrettyTable

from .drift import SiteDrift
from .shapley import EMPTY


def value_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return v of every subset.

    Args:
        found: For each network what :meth:`SubsetScores.report` gives.
    """
    kinds = [(name, key) for name in found for key in ('mIoU', '-NLL')]
    columns = [found[name][key]['values'] for name, key in kinds]
    table = _table('what each subset is worth', kinds)
    for subset in sorted(columns[0], key=lambda s: -len(s.split('+'))):
        if subset != EMPTY:
            table.add_row([subset, *(f'{c[subset]:.2f}' for c in columns)])
    table.add_row(['(the prior)', *(f'{c[EMPTY]:.2f}' for c in columns)])
    return table.get_string()


def shapley_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return Shapley values, then interactions of pairs."""
    kinds = [(name, key) for name in found for key in ('mIoU', '-NLL')]
    table = _table('Shapley values, interactions below', kinds)
    for part in ('shapley', 'interactions'):
        columns = [found[name][key][part] for name, key in kinds]
        for who in columns[0]:
            cells = [f'{column[who]:+.2f}' for column in columns]
            table.add_row([who.replace('+', ' x '), *cells])
        table.add_divider()
    return table.get_string()


def class_shapley_table(found: Mapping[str, Any], title: str) -> str:
    """Return Shapley values of each class's IoU.

    Args:
        found: What :meth:`SubsetScores.report` gives.
        title: Headline.
    """
    keys = [key for key in found if key.startswith('IoU/')]
    names = list(found['mIoU']['shapley'])
    table = PrettyTable(['class', *names, 'all'], align='r', title=title)
    table.align['class'] = 'l'
    for key in keys:
        values = found[key]['shapley']
        full = found[key]['values'][max(found[key]['values'], key=len)]
        cells = [f'{values[name]:+.1f}' for name in names]
        table.add_row([key.removeprefix('IoU/'), *cells, f'{full:.1f}'])
    return table.get_string()


def drift_table(
    found: Mapping[str, Mapping[str, Mapping[str, SiteDrift]]],
) -> str:
    """Return one row per combination: means over the sites.

    Args:
        found: For each network what :meth:`Drift.report` gives.
    """
    columns = ('error', 'r2_raw', 'r2_affine')
    kinds = [(name, column) for name in found for column in columns]
    table = _table('drift, mean over the sites; R2 at least -1', kinds)
    for combination in next(iter(found.values())):
        cells = []
        for name, column in kinds:
            drifts = found[name][combination].values()
            values = [max(getattr(d, column), -1.0) for d in drifts]
            cells.append(f'{fmean(values):.2f}')
        table.add_row([combination, *cells])
    return table.get_string()


def site_table(rows: Sequence[Mapping[str, Any]], title: str) -> str:
    """Return the chosen sites, the best first.

    Args:
        rows: name, kind, numbers and score of every site, and whether it is
            chosen.
        title: Headline.
    """
    columns = ('site', 'kind', 'numbers', 'score')
    table = PrettyTable(columns, align='r', title=title)
    table.align.update(site='l', kind='l')
    chosen = [row for row in rows if row['chosen']]
    for row in sorted(chosen, key=lambda row: -row['score']):
        cells = [row['name'], row['kind'], row['numbers']]
        table.add_row([*cells, f'{row["score"]:.4f}'])
    return table.get_string()


def _table(title: str, kinds: Sequence[tuple[str, str]]) -> PrettyTable:
    """Return an empty table; one network alone is not named."""
    alone = len({name for name, _ in kinds}) == 1
    columns = [key if alone else f'{name} {key}' for name, key in kinds]
    table = PrettyTable(['', *columns], align='r', title=title)
    table.align[''] = 'l'
    return table

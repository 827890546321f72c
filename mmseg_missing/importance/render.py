"""What an analysis of modalities found, as tables and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from prettytable import PrettyTable

from ..visualization.bar_chart import COLOURS, FAINT, GRID, INK, lighten
from .drift import SiteDrift
from .shapley import EMPTY

UNITS = {'mIoU': 'mIoU (points)', '-NLL': '-NLL (nats)'}
LOWEST_R2 = -1.0
# Bars of what was not chosen.
REST = '#c9ced6'


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


def shapley_chart(found: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw Shapley values and, beside them, interactions of pairs.

    Args:
        found: For each network what :meth:`SubsetScores.report` gives.
    """
    one = next(iter(found.values()))['mIoU']
    rows = max(len(one['shapley']), len(one['interactions']))
    height = 1.0 + 0.35 * rows * len(found)
    figure = Figure(figsize=(9, 2 * height), layout='constrained')
    axes = figure.subplots(2, 2, squeeze=False)
    for row, (key, unit) in zip(axes, UNITS.items()):
        for ax, part in zip(row, ('shapley', 'interactions')):
            bars = {name: found[name][key][part] for name in found}
            _bars(ax, bars)
            ax.set_xlabel(unit, color=INK)
    axes[0, 0].set_title('Shapley values', loc='left', color=INK)
    axes[0, 1].set_title(
        'interactions: below 0 redundant', loc='left', color=INK
    )
    if len(found) > 1:
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc='outside lower center', ncols=len(found)
        )
    return figure


def drift_chart(
    found: Mapping[str, Mapping[str, SiteDrift]], title: str
) -> Figure:
    """Draw R2 along the network, one panel per combination.

    Args:
        found: What :meth:`Drift.report` gives; combinations that lie within
            another one are left out.
        title: Headline.
    """
    parts = {name: set(name.split('+')) for name in found}
    shown = [n for n in found if not any(parts[n] < p for p in parts.values())]
    figure = Figure(figsize=(9, 0.8 + 1.9 * len(shown)), layout='constrained')
    panels = figure.subplots(len(shown), squeeze=False, sharex=True)[:, 0]
    for ax, name in zip(panels, shown):
        drifts = list(found[name].values())
        raw = [max(d.r2_raw, LOWEST_R2) for d in drifts]
        best = [d.r2_affine for d in drifts]
        place = range(len(drifts))
        ax.fill_between(place, raw, best, color=COLOURS[2], alpha=0.15)
        ax.plot(place, raw, color=COLOURS[1], lw=1, label='as it is')
        ax.plot(
            place,
            best,
            color=COLOURS[2],
            lw=1.4,
            label='after the best scale and shift per channel',
        )
        ax.set_ylim(LOWEST_R2, 1.03)
        ax.set_ylabel('R²', color=INK)
        ax.set_title(f'only {name}', loc='left', fontsize=9, color=INK)
        lighten(ax, 'y')
        _mark_parts(ax, list(found[name]))
    figure.suptitle(title, fontweight='bold', color=INK)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside lower center', ncols=2)
    return figure


def site_chart(rows: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Draw the score of every site along the network.

    Args:
        rows: name and score of every site, and whether it is chosen.
        title: Headline.
    """
    figure = Figure(figsize=(9, 3.2), layout='constrained')
    ax = figure.add_subplot()
    colours = [COLOURS[0] if row['chosen'] else REST for row in rows]
    ax.bar(range(len(rows)), [row['score'] for row in rows], color=colours)
    ax.set_yscale('log')
    ax.set_ylabel('score', color=INK)
    ax.set_title(title, loc='left', fontweight='bold', color=INK)
    lighten(ax, 'y')
    _mark_parts(ax, [row['name'] for row in rows])
    return figure


def _table(title: str, kinds: Sequence[tuple[str, str]]) -> PrettyTable:
    """Return an empty table; one network alone is not named."""
    alone = len({name for name, _ in kinds}) == 1
    columns = [key if alone else f'{name} {key}' for name, key in kinds]
    table = PrettyTable(['', *columns], align='r', title=title)
    table.align[''] = 'l'
    return table


def _bars(ax: Axes, series: Mapping[str, Mapping[str, float]]) -> None:
    """Draw horizontal bars around zero, one group per name."""
    names = list(next(iter(series.values())))
    for index, (label, values) in enumerate(series.items()):
        offset = 0.8 * ((index + 0.5) / len(series) - 0.5)
        bars = ax.barh(
            [row + offset for row in range(len(names))],
            [values[name] for name in names],
            height=0.74 / len(series),
            color=COLOURS[index % len(COLOURS)],
            label=label,
        )
        ax.bar_label(bars, fmt='%.2f', padding=3, fontsize=8, color=INK)
    ax.axvline(0, color=FAINT, linewidth=0.8)
    ax.set_yticks(range(len(names)), [n.replace('+', ' × ') for n in names])
    ax.set_ylim(max(len(names), 1) - 0.5, -0.5)
    ax.margins(x=0.15)
    lighten(ax, 'x')


def _mark_parts(ax: Axes, names: Sequence[str]) -> None:
    """Write below the sites which part of the network they belong to."""
    parts = [(i, part) for i, part in enumerate(map(_part, names))]
    ticks = []
    for name, group in groupby(parts, key=lambda pair: pair[1]):
        first = next(group)[0]
        ticks.append((first, name))
        ax.axvline(first - 0.5, color=GRID, linewidth=0.8, zorder=0)
    places, labels = zip(*ticks)
    ax.set_xticks(places, labels, rotation=60, ha='right', fontsize=7)
    ax.set_xlim(-0.5, len(names) - 0.5)


def _part(name: str) -> str:
    """Return a layer's place: up to the first number, without the root."""
    words = name.split('.')
    for index, word in enumerate(words):
        if word.isdigit():
            return '.'.join(words[max(index - 1, 0) : index + 1])
    return words[0]

"""Comparisons as tables, a page and a chart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    EngFormatter,
    LogLocator,
    NullFormatter,
    SymmetricalLogLocator,
)

from ..evaluation.render import check_writable, plain_table
from ..visualization.bar_chart import COLOURS, FAINT, INK, headline, lighten
from .comparison import MEASURES, MISSING_RATE, Comparison, Method, Stat
from .runs import BASE

# Field of Method, its column, and how its numbers are written.
COLUMNS = (
    ('mean', 'mean', '.2f'),
    ('mean_missing', 'mean missing', '.2f'),
    ('worst', 'worst', '.2f'),
    ('expected', f'E({MISSING_RATE})', '.2f'),
    ('recovered', 'recovered', '.3f'),
    ('won_back', 'won back', '.3f'),
    ('added', 'added', ',.0f'),
    ('added_percent', '% of base', '.2f'),
    ('seconds', 'seconds', ',.0f'),
    ('memory_mib', 'MiB', ',.0f'),
)
MARKERS = 'osD^vP'
# Of a logarithmic axis, times powers of ten.
TICKS = (1, 2, 5)


def method_rows(comparison: Comparison) -> list[list[str]]:
    """Return a header, then one row per method."""
    header = ['method', 'seeds', *(title for _, title, _ in COLUMNS)]
    return [header, *map(_method_row, comparison.rows)]


def combination_rows(comparison: Comparison) -> list[list[str]]:
    """Return a header, then one row per combination."""
    rows = comparison.rows
    return [
        ['mIoU', *(row.name for row in rows)],
        *(
            [name, *(_cell(row.miou.get(name), '.2f', True) for row in rows)]
            for name in comparison.combinations
        ),
    ]


def worst_rows(comparison: Comparison) -> list[list[str]]:
    """Return a header, then each method's worst combination and pairs."""
    many = f'more is worse (of {comparison.pairs} pairs)'
    return [
        ['method', 'worst combination', many, 'most'],
        *(
            [
                row.name,
                row.worst_name or '-',
                _cell(row.worse_pairs, '.3g', True),
                _worst_pair(row),
            ]
            for row in comparison.rows
        ),
    ]


def share_rows(comparison: Comparison) -> list[list[str]]:
    """Return a header, then what each combination won back."""
    rows = [row for row in comparison.rows if row.name != BASE]
    return [
        ['won back', *(row.name for row in rows)],
        *(
            [name, *(_cell(row.shares.get(name), '.3f', True) for row in rows)]
            for name in comparison.missing
        ),
    ]


def tables(comparison: Comparison) -> list[list[list[str]]]:
    """Return all tables as rows, each with its header."""
    found = [combination_rows(comparison), worst_rows(comparison)]
    if comparison.base:
        found.insert(1, share_rows(comparison))
    return [method_rows(comparison), *found]


def comparison_table(comparison: Comparison) -> str:
    """Return the tables for the terminal."""
    texts = []
    for header, *rows in tables(comparison):
        table = plain_table(header)
        table.add_rows(rows)
        texts.append(table.get_string())
    return '\n'.join([*texts, comparison.settings])


def comparison_markdown(comparison: Comparison, command: str) -> str:
    """Return the tables for a page, with what they state.

    Args:
        comparison: What is shown.
        command: Which wrote it.
    """
    parts = [
        f'{comparison.settings}.',
        *map(markdown_table, tables(comparison)),
        f'```\n{command}\n```',
    ]
    return '\n\n'.join(parts) + '\n'


def write_comparison(
    comparison: Comparison, folder: str | Path, command: str
) -> None:
    """Write a comparison as JSON, Markdown and PNG chart.

    Args:
        comparison: What is written.
        folder: For comparison.json, comparison.md and comparison.png.
        command: Which wrote it, for the page.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = check_writable(folder)
    (folder / 'comparison.json').write_text(
        comparison.to_json() + '\n', encoding='utf-8'
    )
    page = comparison_markdown(comparison, command)
    (folder / 'comparison.md').write_text(page, encoding='utf-8')
    tradeoff_chart(comparison).savefig(folder / 'comparison.png', dpi=150)


def _method_row(method: Method) -> list[str]:
    cells = [
        _cell(getattr(method, field), form, field in MEASURES)
        for field, _, form in COLUMNS
    ]
    return [method.name, str(len(method.seeds)), *cells]


def _worst_pair(method: Method) -> str:
    pair = method.worst_pair
    if pair is None:
        return '-'
    return f'{pair.larger} {pair.loss:.2f} below {pair.smaller}'


def _cell(stat: Stat | None, form: str, with_spread: bool) -> str:
    if stat is None:
        return '-'
    text = format(stat.mean, form)
    if with_spread and stat.spread is not None:
        text += f' ± {stat.spread:{form}}'
    return text


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table: names to the left, numbers to the right."""
    header, *body = rows
    lines = [header, ['---', *['---:'] * (len(header) - 1)], *body]
    return '\n'.join(
        f'| {" | ".join(cell.replace("|", "/") for cell in line)} |'
        for line in lines
    )


def tradeoff_chart(comparison: Comparison) -> Figure:
    """Draw mIoU over missing combinations against added parameters.

    Bars reach one sample standard deviation up and down; the base and the
    dedicated networks are horizontal lines. Left out is what lacks one of
    the two numbers.

    Returns:
        A figure; ``figure.savefig(path)`` writes it.
    """
    figure = Figure(figsize=(8.4, 4.4), layout='constrained')
    axes = figure.add_subplot()
    shown = [
        method
        for method in comparison.methods
        if method.mean_missing is not None and method.added is not None
    ]
    for index, method in enumerate(shown):
        _draw_method(axes, method, index)
    _draw_line(axes, comparison.base, ':')
    _draw_line(axes, comparison.dedicated, '--')
    _decorate(axes, comparison)
    _scale(axes, [method.added.mean for method in shown])
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc='outside right upper', frameon=False, fontsize=8)
    return figure


def _draw_method(axes: Axes, method: Method, index: int) -> None:
    # Markers too, which differ in grey.
    axes.errorbar(
        method.added.mean,
        method.mean_missing.mean,
        yerr=method.mean_missing.spread,
        fmt=MARKERS[index % len(MARKERS)],
        color=COLOURS[index % len(COLOURS)],
        capsize=3,
        label=method.name,
    )


def _draw_line(axes: Axes, method: Method | None, style: str) -> None:
    if method is not None and method.mean_missing is not None:
        axes.axhline(
            method.mean_missing.mean,
            color=FAINT,
            linewidth=1,
            linestyle=style,
            label=method.name,
        )


def _scale(axes: Axes, added: Sequence[float]) -> None:
    """Make x logarithmic; what adds nothing has its place at the left."""
    if not added:
        axes.set_xticks([])
        axes.set_xlabel('added parameters: not known of any method')
        return
    positive = [number for number in added if number > 0]
    if len(positive) < len(added):
        start = min(positive, default=1) / 2
        axes.set_xscale('symlog', linthresh=start, linscale=0.4)
        axes.set_xlim(left=-start / 4)
        locator = SymmetricalLogLocator(base=10, linthresh=start, subs=TICKS)
    else:
        axes.set_xscale('log')
        locator = LogLocator(subs=TICKS)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(EngFormatter(sep=''))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _decorate(axes: Axes, comparison: Comparison) -> None:
    count = len(comparison.missing)
    axes.set_xlabel('parameters added for one combination', color=INK)
    axes.set_ylabel(f'mIoU (%), mean of {count} combinations', color=INK)
    note = ', '.join(comparison.settings.split('; ')[:3])
    headline(axes, 'Accuracy with missing modalities', note)
    lighten(axes)

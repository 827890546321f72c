"""Comparisons as tables: for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from .comparison import MISSING_RATE, Comparison, Method, Stat
from .tables import plain_table

# Field of Method, its column, and how its numbers are written.
COLUMNS = (
    ('mean', 'mean', '.2f'),
    ('mean_missing', 'mean missing', '.2f'),
    ('worst', 'worst', '.2f'),
    ('expected', f'E({MISSING_RATE})', '.2f'),
    ('recovered', 'recovered', '.3f'),
    ('added', 'added', ',.0f'),
    ('added_percent', '% of base', '.2f'),
    ('seconds', 'seconds', ',.0f'),
    ('memory_mib', 'MiB', ',.0f'),
)
# These are told apart by their seeds; what a run costs is a plain mean.
SPREAD = ('mean', 'mean_missing', 'worst', 'expected', 'recovered')


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


def comparison_table(comparison: Comparison) -> str:
    """Return both tables for the terminal."""
    tables = method_rows(comparison), combination_rows(comparison)
    texts = []
    for header, *rows in tables:
        table = plain_table(header)
        table.add_rows(rows)
        texts.append(table.get_string())
    return '\n'.join([*texts, comparison.settings])


def comparison_markdown(comparison: Comparison, command: str) -> str:
    """Return both tables for a page, with what they state.

    Args:
        comparison: What is shown.
        command: Which wrote it.
    """
    parts = [
        f'{comparison.settings}.',
        markdown_table(method_rows(comparison)),
        markdown_table(combination_rows(comparison)),
        f'```\n{command}\n```',
    ]
    return '\n\n'.join(parts) + '\n'


def _method_row(method: Method) -> list[str]:
    cells = [
        _cell(getattr(method, field), form, field in SPREAD)
        for field, _, form in COLUMNS
    ]
    return [method.name, str(len(method.seeds)), *cells]


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

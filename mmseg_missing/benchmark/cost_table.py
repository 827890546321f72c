"""Measurements as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from prettytable import PrettyTable

from .benchmark import REFERENCE, Measurement

COLUMNS = (
    'present',
    'step',
    'network',
    'ms',
    'fastest',
    'ratio',
    '10-90 %',
    'images/s',
    'peak MiB',
    'learns',
)


def cost_table(results: Sequence[Measurement], title: str) -> str:
    """Return one row per measurement, a block per step and combination.

    Args:
        results: What :meth:`Benchmark.run` yields.
        title: What was measured where.
    """
    table = PrettyTable(COLUMNS, align='r')
    table.title = title
    table.align.update(dict.fromkeys(COLUMNS[:3], 'l'))
    blocks = [(m.combination, m.step) for m in results]
    for index, m in enumerate(results):
        is_first = index == 0 or blocks[index] != blocks[index - 1]
        is_last = blocks[index] != (*blocks, None)[index + 1]
        table.add_row(
            [*(blocks[index] if is_first else ('', '')), *_cells(m)],
            divider=is_last,
        )
    notes = ', '.join(f'{s} to {name}' for s, name in REFERENCE.items())
    return f'{table.get_string()}\nms: median per batch; ratio: {notes}'


def _cells(m: Measurement) -> list[str]:
    ratio = ('-', '-')
    if m.ratio:
        low, high = m.ratio['p10'], m.ratio['p90']
        ratio = (f'{m.ratio["median"]:.2f}', f'{low:.2f}-{high:.2f}')
    return [
        m.network,
        f'{m.latency_ms["median"]:.1f}',
        f'{m.latency_ms["min"]:.1f}',
        *ratio,
        f'{m.images_per_second:.2f}',
        f'{m.peak_mib:.0f}',
        f'{m.trainable:,}' if m.trainable else '-',
    ]

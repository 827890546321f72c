"""Bar charts of mIoU over combinations, and the look of all charts."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Of Okabe and Ito: colour-blind people tell them apart. Hatches serve in grey.
COLOURS = ('#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00')
HATCHES = ('', '//', '..', '\\\\', 'xx', '--')
PAPER = '#ffffff'
# Beside the axes, in inches; characters of small print in an inch.
LABELS, SMALL_PRINT = 3.0, 16
INK, FAINT, GRID, BAND = '#222222', '#808080', '#e4e4e4', '#eef1f6'


def bar_chart(
    series: Mapping[str, Mapping[str, float]],
    title: str,
    note: str,
    unit: str = 'mIoU (%)',
) -> Figure:
    """Draw horizontal bars: combinations downwards, larger ones first.

    The full combination is what the others fall short of: it lies on a band,
    in bold, and its first score goes on as a dotted line.

    Args:
        series: For each network its ``{'rgb+depth': mIoU in per cent}``; a
            network may lack combinations.
        title: Headline.
        note: How it was measured, small print below the headline.
        unit: Of the scores.

    Returns:
        A figure; ``figure.savefig(path)`` writes it.

    >>> figure = bar_chart({'base': {'rgb': 40.0}}, 'Scenes', 'mIoU (%)')
    >>> type(figure).__name__
    'Figure'
    """
    names = sorted(
        dict.fromkeys(n for miou in series.values() for n in miou),
        key=lambda name: -name.count('+'),
    )
    rows = len(names) * (1 + 0.6 * (len(series) - 1))
    figure = Figure(figsize=(7.2, 1.4 + 0.34 * rows), layout='constrained')
    axes = figure.add_subplot()
    for index, (label, miou) in enumerate(series.items()):
        offset = 0.8 * ((index + 0.5) / len(series) - 0.5)
        bars = axes.barh(
            [row + offset for row, name in enumerate(names) if name in miou],
            [miou[name] for name in names if name in miou],
            height=0.74 / len(series),
            color=COLOURS[index % len(COLOURS)],
            hatch=HATCHES[index % len(HATCHES)],
            edgecolor=PAPER,
            linewidth=0,
            label=label,
        )
        axes.bar_label(bars, fmt='%.1f', padding=3, fontsize=8, color=INK)
    _mark_full(axes, names, next(iter(series.values())))
    axes.margins(x=0.08)
    axes.set_xlabel(unit, color=INK)
    headline(axes, title, note)
    lighten(axes, 'x')
    axes.spines['left'].set_visible(False)
    if len(series) > 1:
        figure.legend(
            loc='outside lower center', ncols=len(series), frameon=False
        )
    return figure


def headline(axes: Axes, title: str, note: str) -> None:
    """Write a headline, and in small print below it how it was measured."""
    width = axes.figure.get_figwidth() - LABELS
    lines = textwrap.wrap(note, max(20, int(width * SMALL_PRINT)))
    # An empty line of the headline has room for one and a half of small print.
    room = '\n' * math.ceil(len(lines) / 1.5)
    axes.set_title(
        title + room, loc='left', fontsize=12, fontweight='bold', color=INK
    )
    axes.annotate(
        '\n'.join(lines),
        (0, 1),
        xytext=(0, 6),
        xycoords='axes fraction',
        textcoords='offset points',
        color=FAINT,
        fontsize=8,
    )


def lighten(axes: Axes, grid: str = 'both') -> None:
    """Put a light grid behind the data; leave out box and tick marks."""
    axes.grid(axis=grid, color=GRID)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(length=0, which='both')


def _mark_full(
    axes: Axes, names: Sequence[str], miou: Mapping[str, float]
) -> None:
    """Name the rows; stress the one that holds all others, if any does."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    everything = {part for name in names for part in name.split('+')}
    if everything != set(names[0].split('+')):
        return
    axes.get_yticklabels()[0].set_fontweight('bold')
    axes.axhspan(-0.5, 0.5, color=BAND, zorder=0)
    if names[0] in miou:
        axes.axvline(
            miou[names[0]], color=FAINT, linewidth=1, linestyle=':', zorder=0.8
        )

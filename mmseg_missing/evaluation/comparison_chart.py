"""A chart of accuracy against what it adds to the base."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    EngFormatter,
    LogLocator,
    NullFormatter,
    SymmetricalLogLocator,
)

from .chart import COLOURS, FAINT, GRID, INK
from .comparison import Comparison, Method

MARKERS = 'osD^vP'
# Times powers of ten.
TICKS = (1, 2, 5)


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
    # Markers change when the colours are used up.
    axes.errorbar(
        method.added.mean,
        method.mean_missing.mean,
        yerr=method.mean_missing.spread,
        fmt=MARKERS[index // len(COLOURS) % len(MARKERS)],
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
    """Add the headline and a light grid; remove the box."""
    count = len(comparison.missing)
    axes.set_xlabel('parameters added for one combination', color=INK)
    axes.set_ylabel(f'mIoU (%), mean of {count} combinations', color=INK)
    axes.set_title(
        'Accuracy with missing modalities\n',
        loc='left',
        fontsize=12,
        fontweight='bold',
        color=INK,
    )
    axes.annotate(
        ', '.join(comparison.settings.split('; ')[:3]),
        (0, 1),
        xytext=(0, 6),
        xycoords='axes fraction',
        textcoords='offset points',
        color=FAINT,
        fontsize=8,
    )
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(length=0, which='both')

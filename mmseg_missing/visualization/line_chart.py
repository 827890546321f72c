"""Line charts that can be told apart without colours."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from .bar_chart import COLOURS, INK, headline, lighten

# Of other lengths, so that every one of many lines is another one.
MARKERS = ('o', 's', '^', 'D', 'v', 'X', 'P')
STYLES = ('-', '--', '-.', ':')


def line_chart(
    series: Mapping[str, Mapping[float, tuple[float, float | None]]],
    title: str,
    note: str,
    below: str,
    beside: str,
) -> Figure:
    """Draw a line per name, each with a style and a marker of its own.

    Args:
        series: For each name ``{x: (y, spread)}``, the spread a bar up and
            down, None for none.
        title: Headline.
        note: How it was measured, small print below the headline.
        below: Title of the horizontal axis.
        beside: Title of the vertical one.

    Returns:
        A figure; ``figure.savefig(path)`` writes it.

    >>> lines = {'base': {0.0: (60.0, None), 0.5: (40.0, 1.5)}}
    >>> figure = line_chart(lines, 'Scenes', 'seed 0', 'rate', 'mIoU (%)')
    >>> type(figure).__name__
    'Figure'
    """
    figure = Figure(figsize=(7.2, 4.4), layout='constrained')
    axes = figure.add_subplot()
    for index, (name, points) in enumerate(series.items()):
        xs = sorted(points)
        axes.errorbar(
            xs,
            [points[x][0] for x in xs],
            yerr=[points[x][1] or 0.0 for x in xs],
            label=name,
            color=COLOURS[index % len(COLOURS)],
            marker=MARKERS[index % len(MARKERS)],
            linestyle=STYLES[index % len(STYLES)],
            linewidth=1.6,
            markersize=6,
            elinewidth=0.8,
        )
    axes.set_xticks(sorted({x for points in series.values() for x in points}))
    axes.set_xlabel(below, color=INK)
    axes.set_ylabel(beside, color=INK)
    headline(axes, title, note)
    lighten(axes)
    columns = min(3, len(series))
    figure.legend(
        loc='outside lower center',
        ncols=columns,
        frameon=False,
        handlelength=4,  # long enough to show a style
    )
    return figure

"""Charts as SVG that stands in a page and takes its colours."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter, MaxNLocator

from ..evaluation import Report
from ..evaluation.calibration import Calibration
from ..importance.render import REST
from ..visualization.bar_chart import (
    BAND,
    COLOURS,
    FAINT,
    GRID,
    INK,
    PAPER,
    bar_chart,
    lighten,
)
from ..visualization.line_chart import line_chart
from .collecting import Scored
from .training import STEPS, Curves

# Colours of our charts and matplotlib's own, as the page calls them.
VARIABLES = {
    INK: '--ink',
    '#000000': '--ink',
    FAINT: '--faint',
    GRID: '--grid',
    BAND: '--band',
    PAPER: '--paper',
    REST: '--rest',
}
PANELS = 3
# Inches that a small screen still shows, and the least share of the size at
# which a chart is readable.
WIDTH, LEAST = 5.6, 0.68


def svg(figure: Figure, name: str, label: str) -> str:
    """Return a figure as one element, the same for the same data.

    Args:
        figure: What is drawn.
        name: Unique in the page; identifiers begin with it.
        label: What it shows, for those who do not see it.
    """
    for axes in figure.axes:
        axes.patch.set_alpha(0)
        if axes.get_yscale() == 'log':  # else its powers are formulas
            axes.yaxis.set_major_formatter(LogFormatter())
            axes.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False))
    for words in figure.findobj(Text):
        words.set_parse_math(False)  # a name may hold a dollar sign
    figure.patch.set_alpha(0)
    settings = {'svg.fonttype': 'none', 'svg.hashsalt': name}
    file = io.StringIO()
    with rc_context(settings):
        figure.savefig(file, format='svg', metadata={'Date': None})
    text = file.getvalue()
    text = text[text.index('<svg') :]
    text = re.sub(r'<metadata>.*?</metadata>\s*', '', text, flags=re.DOTALL)
    text = re.sub(r'<title>.*?</title>', '', text)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', '', text)
    text = text.replace('xlink:href="#', f'href="#{name}-')
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace('url(#', f'url(#{name}-')
    for value, variable in VARIABLES.items():
        text = text.replace(value, f'var({variable})')
    size = re.search(r'<svg[^>]*?width="([\d.]+)pt"', text)
    wide = float(size[1]) * 4 / 3  # points in pixels
    text = re.sub(r'(<svg[^>]*?) height="[\d.]+pt"', r'\1', text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[\d.]+pt"', r'\1', text, count=1)
    return text.replace(
        '<svg ',
        f'<svg role="img" aria-label="{_quoted(label)}" '
        f'style="max-width:{1.2 * wide:.0f}px;'
        f'min-width:{LEAST * wide:.0f}px" ',
        1,
    )


def miou_bars(run: Scored, dedicated: Mapping[str, float]) -> Figure:
    """Draw mIoU per combination: before, after, dedicated."""
    series: dict[str, Mapping[str, float]] = {}
    if run.base:
        series['before'] = run.base
    series['after' if run.base else 'mIoU'] = run.report.miou
    if dedicated:
        series['dedicated'] = dedicated
    return bars(series, 'mIoU (%)')


def bars(series: Mapping[str, Mapping[str, float]], unit: str) -> Figure:
    """Draw bars per combination that a small screen shows."""
    figure = bar_chart(series, '', '', unit)
    figure.set_figwidth(WIDTH)
    return figure


def calibration_bars(run: Scored) -> Figure:
    """Draw the expected calibration error per combination."""
    series = {}
    if run.before and run.before.ece:
        series['before'] = run.before.ece
    series['after' if run.base else 'ECE'] = run.report.ece
    return bars(series, 'expected calibration error (%)')


def reliability(run: Scored) -> Figure:
    """Draw accuracy over confidence, a panel per combination."""
    kinds = {'after' if run.base else 'network': _known(run.report)}
    if run.before:
        kinds = {'before': _known(run.before), **kinds}
    names = [c.name for c in run.report.combinations if c.calibration]
    rows = math.ceil(len(names) / PANELS)
    figure = Figure(figsize=(WIDTH, 0.6 + 1.8 * rows), layout='constrained')
    panels = figure.subplots(
        rows, PANELS, squeeze=False, sharex=True, sharey=True
    ).ravel()
    for axes, name in zip(panels, names):
        axes.plot([0, 100], [0, 100], ':', color=FAINT, linewidth=1)
        for index, (kind, known) in enumerate(kinds.items()):
            if name in known:
                found = known[name]
                xs = [x for x in found.confidence if x is not None]
                ys = [y for y in found.accuracy if y is not None]
                style = {
                    'marker': 'os'[index],
                    'linestyle': ('--', '-')[index],
                }
                axes.plot(
                    *(xs, ys),
                    color=COLOURS[index],
                    label=kind,
                    markersize=3.5,
                    linewidth=1.3,
                    **style,
                )
        axes.set_title(name, fontsize=8, color=INK)
        axes.set_xlim(0, 102)
        axes.set_ylim(0, 102)
        lighten(axes)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    figure.supxlabel('confidence (%)', fontsize=9, color=INK)
    figure.supylabel('accuracy (%)', fontsize=9, color=INK)
    handles, labels = panels[0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(
            *(handles, labels),
            loc='outside upper center',
            ncols=2,
            frameon=False,
        )
    return figure


def curves(found: Curves, unit: str, axis: str = STEPS) -> Figure:
    """Draw a line per combination over the training."""
    series = {
        name: {float(step): (y, None) for step, y in points.items()}
        for name, points in found.items()
    }
    figure = line_chart(series, '', '', axis, unit)
    [axes] = figure.axes
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    figure.set_figwidth(WIDTH)
    return figure


def _known(report: Report) -> dict[str, Calibration]:
    found = {c.name: c.calibration for c in report.combinations}
    return {name: one for name, one in found.items() if one is not None}


def _quoted(text: str) -> str:
    for sign, entity in ('&', 'amp'), ('<', 'lt'), ('>', 'gt'), ('"', 'quot'):
        text = text.replace(sign, f'&{entity};')
    return text

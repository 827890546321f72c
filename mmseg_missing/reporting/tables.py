"""Numbers as tables whose cells are coloured, and say what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib import colormaps
from matplotlib.colors import to_hex

from ..comparison import Comparison
from ..comparison.render import method_rows
from ..evaluation import Report
from ..evaluation.measures import mean_miou
from .collecting import Scored

# Perceptually uniform, the same to colour-blind people, monotone in grey.
SCALE = 'cividis'
HERE, GONE = '●', '✕'
NOTHING = '–'


@dataclass(frozen=True)
class Cell:
    """One cell.

    Args:
        text: What it says.
        paper: Colour behind it, such as ``#ffea46``; empty: none.
        ink: Colour of the text on that.
        spoken: What is read aloud in place of a sign.
    """

    text: str
    paper: str = ''
    ink: str = ''
    spoken: str = ''


@dataclass(frozen=True)
class Table:
    """A table with a header and a first column of heads.

    Args:
        caption: What it shows.
        header: Of the columns, the first one's included.
        rows: Each a head and its cells.
        feet: Rows below a line.
        is_scaled: Whether colours mean numbers from 0 to 100.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    feet: Sequence[tuple[str, Sequence[Cell]]] = ()
    is_scaled: bool = True


def score_cell(value: float | None) -> Cell:
    """Return a cell on the colour of a score in per cent."""
    if value is None:
        return Cell(NOTHING)
    paper, ink = colour(value)
    return Cell(f'{value:.2f}', paper, ink)


def colour(percent: float) -> tuple[str, str]:
    """Return the colour of 0 to 100, and black or white to write on it."""
    rgba = colormaps[SCALE](min(max(percent, 0.0), 100.0) / 100)
    light = [
        x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4
        for x in rgba[:3]
    ]
    luminance = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]
    # As WCAG 2 counts contrast, black and white serve equally at 0.179.
    return to_hex(rgba), '#000000' if luminance > 0.179 else '#ffffff'


def combination_table(run: Scored, dedicated: Mapping[str, float]) -> Table:
    """Return a row per combination: what it has, and its scores."""
    report, base = run.report, run.base
    before = run.before.ece if run.before else {}
    won = report.against(run.before).won_back if run.before else {}
    won = won or report.won_back
    columns: dict[str, Mapping[str, float]] = {}
    if base:
        columns['before'] = base
    columns['after' if base else 'mIoU'] = report.miou
    texts: dict[str, Mapping[str, str]] = {}
    if base:
        texts['gain'] = {
            n: _signed(v - base[n]) for n, v in report.miou.items()
        }
        texts['won back'] = {n: f'{100 * v:.0f} %' for n, v in won.items()}
    if before:
        texts['ECE before'] = {n: f'{v:.2f}' for n, v in before.items()}
    if report.ece:
        texts['ECE after' if base else 'ECE'] = {
            n: f'{v:.2f}' for n, v in report.ece.items()
        }
    if dedicated:
        columns['dedicated'] = dedicated
    rows = []
    for scores in report.combinations:
        name = scores.name
        has = set(name.split('+'))
        flags = [
            Cell(HERE, spoken='present')
            if modality in has
            else Cell(GONE, spoken='absent')
            for modality in report.modalities
        ]
        numbers = [score_cell(part.get(name)) for part in columns.values()]
        words = [Cell(part.get(name, NOTHING)) for part in texts.values()]
        rows.append((name, [*numbers, *words, *flags]))
    return Table(
        'mIoU of every combination in per cent, and which sensors each has',
        ['combination', *columns, *texts, *report.modalities],
        rows,
        _means(report, columns, len(texts)),
    )


def _means(
    report: Report, columns: Mapping[str, Mapping[str, float]], rest: int
) -> list[tuple[str, list[Cell]]]:
    """Return the rows of means over what all combinations have."""
    names = list(report.miou)
    groups = {f'mean of all {len(names)}': names}
    missing = [name for name in names if name != report.full]
    if missing and len(missing) < len(names):
        groups = {f'mean of {len(missing)} incomplete': missing, **groups}
    blank = [Cell('')] * (rest + len(report.modalities))
    feet = []
    for title, group in groups.items():
        cells = [
            score_cell(
                mean_miou({n: part[n] for n in group})
                if set(group) <= set(part)
                else None
            )
            for part in columns.values()
        ]
        feet.append((title, [*cells, *blank]))
    return feet


def class_table(report: Report) -> Table:
    """Return the IoU of each class under each combination."""
    rows = [
        (name, [score_cell(c.class_iou[k]) for c in report.combinations])
        for k, name in enumerate(report.classes)
    ]
    return Table(
        'IoU of every class under every combination in per cent',
        ['class', *(c.name for c in report.combinations)],
        rows,
        [
            (
                'mIoU',
                [score_cell(report.miou[c.name]) for c in report.combinations],
            )
        ],
    )


def method_table(comparison: Comparison) -> Table:
    """Return a row per method: means, worst, what it adds and costs."""
    header, *rows = method_rows(comparison)
    return Table(
        comparison.settings,
        header,
        [(name, [Cell(text) for text in cells]) for name, *cells in rows],
        is_scaled=False,
    )


def methods_by_combination(comparison: Comparison) -> Table:
    """Return the mIoU of every method under every combination."""
    rows = comparison.rows
    return Table(
        'mIoU of every run under every combination in per cent',
        ['combination', *(row.name for row in rows)],
        [
            (
                name,
                [
                    score_cell(
                        row.miou[name].mean if name in row.miou else None
                    )
                    for row in rows
                ],
            )
            for name in comparison.combinations
        ],
    )


def fact_table(caption: str, facts: Mapping[str, str]) -> Table:
    """Return facts, one below the other."""
    return Table(
        caption,
        ['what', ''],
        [(key, [Cell(value)]) for key, value in facts.items()],
        is_scaled=False,
    )


def _signed(value: float) -> str:
    sign = '▲' if value > 0 else '▼' if value < 0 else '='
    return f'{sign} {value:+.2f}' if value else '= 0.00'

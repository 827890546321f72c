"""Reports as tables, for the terminal and as CSV, and as files."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

from prettytable import PrettyTable

from ..visualization.bar_chart import bar_chart
from .confusion import RULES
from .report import Report


def summary_table(report: Report) -> str:
    """Return a row per combination, mean, worst and E(p), then the notes.

    Where the base is known, a column says what was won back.

    >>> from mmseg_missing.evaluation import CombinationScores
    >>> miou = dict(mmseg=50.0, cmnext=50.0)
    >>> scores = CombinationScores(
    ...     'rgb', 9, miou, miou, 70.0, (40.0, 60.0)
    ... )
    >>> classes = ('wall', 'floor')
    >>> report = Report(
    ...     ('rgb', 'depth'), classes, 'mmseg', 'zero', 'test', (), (scores,)
    ... )
    >>> '50.00' in summary_table(report)
    True
    """
    table = plain_table(
        ['combination', 'images', 'mIoU', 'mF1', 'mAcc', 'aAcc']
    )
    table.title = report.settings
    for c in report.combinations:
        by_rule = [part.get(report.rule) for part in (c.miou, c.mf1, c.macc)]
        table.add_row([c.name, c.images, *map(_percent, [*by_rule, c.aacc])])
    table.add_divider()
    rows = _summary_rows(report)
    for name, value, _ in rows:
        table.add_row([name, '', _percent(value), '', '', ''])
    if report.base:
        shares = report.won_back
        won = [shares.get(c.name) for c in report.combinations]
        won += [share for *_, share in rows]
        table.add_column('won back', [*map(share_text, won)], align='r')
    return '\n'.join([table.get_string(), *pair_lines(report), *report.notes])


def _summary_rows(report: Report) -> list[tuple[str, float, float | None]]:
    """Return name, mIoU and what was won back of what follows from it."""
    count = len(report.combinations)
    rows = [(f'mean of {count}', report.mean, None)]
    if report.full in report.miou and count > 1:
        label = f'mean of {count - 1} incomplete'
        rows.append((label, report.mean_missing, report.mean_won_back))
    worst = report.worst
    return [
        *rows,
        (f'worst ({worst})', report.miou[worst], report.won_back.get(worst)),
        *((f'E({p})', value, None) for p, value in report.expected.items()),
    ]


def pair_lines(report: Report) -> list[str]:
    """Say, in a line if any, how often more sensors score worse."""
    if not report.pairs:
        return []
    line = (
        f'more sensors score worse in {len(report.worse_pairs)} of '
        f'{len(report.pairs)} pairs of combinations'
    )
    for larger, smaller, _ in report.worse_pairs[:1]:
        line += (
            f', most with {larger} ({report.miou[larger]:.2f}) against '
            f'{smaller} ({report.miou[smaller]:.2f})'
        )
    return [line]


def class_table(report: Report) -> str:
    """Return IoU: one row per class, one column per combination.

    >>> from mmseg_missing.evaluation import CombinationScores
    >>> miou = dict(mmseg=50.0, cmnext=50.0)
    >>> scores = CombinationScores(
    ...     'rgb', 9, miou, miou, 70.0, (40.0, 60.0)
    ... )
    >>> classes = ('wall', 'floor')
    >>> report = Report(
    ...     ('rgb', 'depth'), classes, 'mmseg', 'zero', 'test', (), (scores,)
    ... )
    >>> print(class_table(report))
    +--------------------------------------+
    | IoU per class, fill zero, split test |
    +------------------+-------------------+
    |                  |               rgb |
    +------------------+-------------------+
    | wall             |             40.00 |
    | floor            |             60.00 |
    +------------------+-------------------+
    """
    table = plain_table(['class', *(c.name for c in report.combinations)])
    table.title = f'IoU per class, {report.settings.partition(", ")[2]}'
    # One modality per line keeps columns narrow; headers cannot break lines.
    table.header = False
    names = [c.name.replace('+', '\n+') for c in report.combinations]
    table.add_row(['', *names], divider=True)
    columns = [c.class_iou for c in report.combinations]
    for name, *values in zip(report.classes, *columns, strict=True):
        table.add_row([name, *map(_percent, values)])
    return table.get_string()


def csv_table(report: Report) -> str:
    """Return one line per combination; undefined scores are empty.

    ``worse_than`` names smaller combinations that score better, ``won_back``
    is there where the base is known, ``ECE`` where scores of classes were.

    >>> from mmseg_missing.evaluation import CombinationScores
    >>> miou = dict(mmseg=50.0, cmnext=50.0)
    >>> scores = CombinationScores(
    ...     'rgb', 9, miou, miou, 70.0, (40.0, 60.0)
    ... )
    >>> classes = ('wall', 'floor')
    >>> report = Report(
    ...     ('rgb', 'depth'), classes, 'mmseg', 'zero', 'test', (), (scores,)
    ... )
    >>> csv_table(report).split(',')[:4]
    ['split', 'fill', 'combination', 'images']
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(
        ['split', 'fill', 'combination', 'images', 'mIoU_mmseg', 'mIoU_cmnext']
        + ['mF1_mmseg', 'mF1_cmnext', 'mAcc_mmseg', 'mAcc_cmnext', 'aAcc']
        + [f'IoU/{name}' for name in report.classes]
        + ['worse_than', *(['won_back'] if report.base else [])]
        + (['ECE'] if report.ece else [])
    )
    better = {}
    for larger, smaller, _ in report.worse_pairs:
        better.setdefault(larger, []).append(smaller)
    for c in report.combinations:
        means = [
            part.get(rule)
            for part in (c.miou, c.mf1, c.macc)
            for rule in RULES
        ]
        scores = [*means, c.aacc, *c.class_iou]
        writer.writerow(
            [report.split, report.fill, c.name, c.images]
            + [_number(score) for score in scores]
            + [' '.join(better.get(c.name, ()))]
            + ([_number(report.won_back.get(c.name))] if report.base else [])
            + ([_number(report.ece.get(c.name))] if report.ece else [])
        )
    return text.getvalue()


def share_text(value: float | None) -> str:
    """Return a share such as ``0.75``; nothing where it is not defined."""
    return '' if value is None else f'{value:.2f}'


def plain_table(columns: list[str]) -> PrettyTable:
    """Return an empty table: names to the left, numbers to the right."""
    table = PrettyTable(columns, align='r')
    table.align[columns[0]] = 'l'
    return table


def _number(value: float | None) -> str:
    return '' if value is None else f'{value:.4f}'


def _percent(value: float | None) -> str:
    return '-' if value is None else f'{value:.2f}'


def check_writable(folder: str | Path) -> Path:
    """Create ``folder`` and return it, before hours go into its contents.

    Raises:
        OSError: it cannot be created, or nothing can be written into it.
        TypeError: no path.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     check_writable(f'{folder}/new').is_dir()
    True
    """
    if not isinstance(folder, (str, Path)):
        raise TypeError(f'`out_dir` takes a path, got {folder!r}')
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Path(folder)
    except OSError as error:
        raise OSError(
            f"output folder '{folder}' cannot be written "
            f'({error.strerror}); choose another one (`out_dir`, --out, '
            '--work-dir)'
        ) from error


def write_report(report: Report, folder: str | Path) -> None:
    """Write the report as JSON, CSV and PNG chart.

    Raises:
        OSError: the folder cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> from mmseg_missing.evaluation import CombinationScores
    >>> miou = dict(mmseg=50.0, cmnext=50.0)
    >>> scores = CombinationScores(
    ...     'rgb', 9, miou, miou, 70.0, (40.0, 60.0)
    ... )
    >>> classes = ('wall', 'floor')
    >>> report = Report(
    ...     ('rgb', 'depth'), classes, 'mmseg', 'zero', 'test', (), (scores,)
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     write_report(report, folder)
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['report.csv', 'report.json', 'report.png']
    """
    folder = check_writable(folder)
    (folder / 'report.json').write_text(
        report.to_json() + '\n', encoding='utf-8'
    )
    (folder / 'report.csv').write_text(csv_table(report), encoding='utf-8')
    chart = bar_chart(
        {'mIoU': report.miou}, 'mIoU per combination', report.settings
    )
    chart.savefig(folder / 'report.png', dpi=150)

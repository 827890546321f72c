"""Where reports and comparisons go: JSON, tables and charts."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .chart import bar_chart
from .comparison import Comparison
from .comparison_chart import tradeoff_chart
from .comparison_tables import comparison_markdown
from .report import Report
from .tables import csv_table


def check_writable(folder: str | Path) -> Path:
    """Create ``folder`` and return it, before hours go into its contents.

    Raises:
        OSError: it cannot be created, or nothing can be written into it.
        TypeError: no path.
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
    """
    folder = check_writable(folder)
    (folder / 'report.json').write_text(report.to_json() + '\n')
    (folder / 'report.csv').write_text(csv_table(report))
    chart = bar_chart(
        {'mIoU': report.miou}, 'mIoU per combination', report.settings
    )
    chart.savefig(folder / 'report.png', dpi=150)


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
    (folder / 'comparison.json').write_text(comparison.to_json() + '\n')
    page = comparison_markdown(comparison, command)
    (folder / 'comparison.md').write_text(page)
    tradeoff_chart(comparison).savefig(folder / 'comparison.png', dpi=150)

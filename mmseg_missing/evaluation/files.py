"""Where reports go: JSON, a table and a chart."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..visualization.bar_chart import bar_chart
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

"""Reports of one network under several conditions, as one table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .render import check_writable, plain_table
from .report import Report


@dataclass(frozen=True)
class ConditionTable:
    """MIoU in per cent: rows are what failed, columns how badly.

    Args:
        protocol: ``RMM``, ``NM`` or ``faults``.
        settings: How it was measured.
        columns: Such as ``0.75`` or ``severity 3``.
        rows: Such as ``rgb+depth`` or ``noise on depth``: one number per
            column, None where nothing was measured.

    >>> table = ConditionTable(
    ...     'NM', 'split test', ('clean', 'low'), {'all': (60.0, 40.0)}
    ... )
    >>> table.columns
    ('clean', 'low')
    """

    protocol: str
    settings: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[float | None, ...]]

    @classmethod
    def from_reports(
        cls, protocol: str, reports: Mapping[tuple[str, str], Report]
    ) -> ConditionTable:
        """Collect reports.

        A row is a combination, then the mean and E(p) where several were
        scored. With a name of its own, the combination comes after it only
        if there are several.

        Args:
            protocol: Name of the protocol.
            reports: By (name of the row, column); the name may be empty.
        """
        columns = tuple(dict.fromkeys(column for _, column in reports))
        rows: dict[str, dict[str, float]] = {}
        for (name, column), report in reports.items():
            for entry, miou in _scores(report).items():
                many = len(report.combinations) > 1
                parts = [name, entry if many or not name else '']
                row = ', '.join(filter(None, parts))
                rows.setdefault(row, {})[column] = miou
        return cls(
            protocol,
            next(iter(reports.values())).measured,
            columns,
            {
                row: tuple(by_column.get(column) for column in columns)
                for row, by_column in rows.items()
            },
        )

    def to_text(self) -> str:
        """Return the table for the terminal."""
        table = plain_table([self.protocol, *self.columns])
        table.title = self.settings
        for name, values in self.rows.items():
            table.add_row([name, *map(_percent, values)])
        return table.get_string()

    def to_csv(self) -> str:
        """Return one line per row; what was not measured is empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow([self.protocol, *self.columns])
        for name, values in self.rows.items():
            cells = ('' if v is None else f'{v:.4f}' for v in values)
            writer.writerow([name, *cells])
        return text.getvalue()

    def write(self, folder: str | Path) -> None:
        """Write ``rmm.json`` and ``rmm.csv``, called after the protocol.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = check_writable(folder)
        text = json.dumps(asdict(self), indent=2)
        stem = self.protocol.lower()
        (folder / f'{stem}.json').write_text(text + '\n', encoding='utf-8')
        (folder / f'{stem}.csv').write_text(self.to_csv(), encoding='utf-8')


def _scores(report: Report) -> dict[str, float]:
    """Return the combinations' scores, then what sums them up."""
    scores = dict(report.miou)
    if len(scores) > 1:
        scores['mean'] = report.mean
    expected = report.expected if len(scores) > 1 else {}
    return {**scores, **{f'E({p})': v for p, v in expected.items()}}


def _percent(value: float | None) -> str:
    return '-' if value is None else f'{value:.2f}'

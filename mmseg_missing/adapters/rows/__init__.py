"""Row modes: how the numbers of a combination come about."""

import inspect
from collections.abc import Mapping
from typing import Any

from .additive import AdditiveRows
from .base import Rows
from .hyper import HyperRows
from .table import TableRows

ROW_MODES: dict[str, type[Rows]] = {
    'table': TableRows,
    'additive': AdditiveRows,
    'hyper': HyperRows,
}


def parse_rows(rows: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and options of a row mode, checked.

    Args:
        rows: A key of ``ROW_MODES``, or ``dict(type=key, ...)``.

    Raises:
        ValueError: an unknown mode.
    """
    options = {'type': rows} if isinstance(rows, str) else dict(rows)
    name = options.pop('type', None)
    if name not in ROW_MODES:
        raise ValueError(
            f'unknown row mode {name!r}; `model.adapter.rows` takes one of '
            f'{", ".join(ROW_MODES)}'
        )
    known = list(inspect.signature(ROW_MODES[name]).parameters.values())[3:]
    return name, {**{p.name: p.default for p in known}, **options}


__all__ = [
    'ROW_MODES',
    'AdditiveRows',
    'HyperRows',
    'Rows',
    'TableRows',
    'parse_rows',
]

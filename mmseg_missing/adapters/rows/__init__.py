"""Row modes: how the numbers of a combination come about."""

import inspect
from collections.abc import Mapping
from typing import Any

from ...names import Names, a_subclass_of
from .additive import AdditiveRows
from .experts import ExpertRows
from .hyper import HyperRows
from .mixed import MixedRows
from .rows import Rows
from .table import TableRows

ROW_MODES = Names('row mode', *a_subclass_of(Rows))
ROW_MODES['table'] = TableRows
ROW_MODES['additive'] = AdditiveRows
ROW_MODES['hyper'] = HyperRows
ROW_MODES['experts'] = ExpertRows


def parse_rows(rows: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and options of a row mode, checked.

    Args:
        rows: A key of ``ROW_MODES``, or ``dict(type=key, ...)``.

    Raises:
        TypeError: neither a name nor a dict.
        ValueError: an unknown mode, or an option that it lacks.

    >>> parse_rows('hyper')
    ('hyper', {'rank': 8, 'hidden': 64, 'condition': 'present'})
    >>> parse_rows(dict(type='hyper', rank=2))
    ('hyper', {'rank': 2, 'hidden': 64, 'condition': 'present'})
    """
    if not isinstance(rows, (str, Mapping)):
        raise TypeError(
            "`model.adapter.rows` takes a name or dict(type='hyper', ...), "
            f'got {rows!r}'
        )
    options = {'type': rows} if isinstance(rows, str) else dict(rows)
    name: Any = options.pop('type', None)
    mode = ROW_MODES.find('model.adapter.rows', name)
    parameters = list(inspect.signature(mode).parameters.values())
    known = {p.name: p.default for p in parameters[3:]}
    strange = sorted(set(options) - set(known))
    if strange:
        raise ValueError(
            f'`model.adapter.rows` of type {name!r} takes '
            f'{list(known) or "no options"}, got {strange}'
        )
    # What is not asked for is not stated, so that files are as they were.
    stated = {**known, **options}.items()
    return name, {key: value for key, value in stated if value is not False}


__all__ = [
    'ROW_MODES',
    'AdditiveRows',
    'ExpertRows',
    'HyperRows',
    'MixedRows',
    'Rows',
    'TableRows',
    'parse_rows',
]

"""Samples as rows of one table: the path of each modality and the label."""

import csv
import io
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from mmseg_missing.remote import Remote, located

from .options import text

# The path of each kind of file; None where it is known to be absent.
Row: TypeAlias = dict[str, str | None]

LABEL = 'label'
SPLIT = 'split'

# Words that people write for the names of splits.
SPELLINGS = {
    'training': 'train',
    'valid': 'val',
    'validation': 'val',
    'testing': 'test',
}


class LeftOutWarning(UserWarning):
    """What a data set leaves out, though it may have been meant."""


def manifest_rows(
    manifest: str,
    data_root: str | None,
    kinds: Sequence[str],
    split: str | None = None,
    backend_args: Mapping[str, Any] | None = None,
) -> list[Row]:
    """Return the rows of a table with one column per modality.

    The columns are named as the modalities, ``label`` and ``split``; others
    may stand beside them. A cell is a path, empty where there is no such
    file. JSON holds a list of objects with these keys; null and a key that is
    left out mean the same as an empty cell.

    Args:
        manifest: .csv (commas, names of the columns first) or .json.
        data_root: where the manifest and relative paths in it begin; None:
            paths begin in the manifest's folder.
        kinds: the columns to take: modalities, and the label if wanted.
        split: what the column ``split`` must say; None takes every row.
        backend_args: of MMEngine's file backend.

    Raises:
        FileNotFoundError: the manifest is not there.
        ValueError: it is no such table, or has no row that can be taken.
    """
    start = None if data_root is None else located(data_root, backend_args)
    path = start / manifest if start else located(manifest, backend_args)
    if not path.is_file():
        raise FileNotFoundError(
            f"no manifest '{path}'; check `manifest` and `data_root`"
        )
    table = read_table(path)
    columns = [*kinds, *([] if split is None else [SPLIT])]
    _check_columns(path, table, columns)
    root = start or path.parent
    rows = [
        _row(root, entry, kinds, f"sample {number} of '{path}'")
        for number, entry in enumerate(table, start=1)
        if split is None or entry.get(SPLIT) == split
    ]
    if not rows:
        splits = sorted({str(entry.get(SPLIT)) for entry in table})
        raise ValueError(
            f"manifest '{path}' has samples of the splits {splits}, not of "
            f'{split!r}; check `split`'
        )
    if split is not None:
        _warn_of_spellings(path, table, split)
    for kind in kinds:
        _check_some_exist(path, kind, rows, backend_args)
    return rows


def _warn_of_spellings(
    path: Path | Remote, table: Sequence[Mapping], split: str
) -> None:
    """Warn of rows whose split is another spelling of the wanted one."""
    cells = [entry.get(SPLIT) for entry in table]
    others = [
        cell
        for cell in cells
        if cell != split and _spelt(cell) == _spelt(split)
    ]
    if others:
        warnings.warn(
            f"{len(others)} samples of '{path}' are left out, because their "
            f'split is {others[0]!r} and not {split!r}; write one of them '
            'everywhere',
            LeftOutWarning,
            stacklevel=2,
        )


def _spelt(split: Any) -> str:
    word = str(split).strip().casefold()
    return SPELLINGS.get(word, word)


def read_text(path: Path | Remote) -> str:
    """Return a file in UTF-8 without the mark that spreadsheets put first.

    Raises:
        ValueError: another encoding.
    """
    try:
        return path.read_text('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(
            f"'{path}' is not encoded in UTF-8 ({error}); save it as UTF-8"
        ) from error


def read_table(path: Path | Remote) -> list[dict]:
    """Return the rows of a .json or .csv file.

    Raises:
        ValueError: it is no table.
    """
    if path.suffix.lower() == '.json':
        return _read_json(path)
    return _read_csv(path)


def _read_csv(path: Path | Remote) -> list[dict]:
    lines = csv.DictReader(io.StringIO(read_text(path)), strict=True)
    try:
        columns, table = lines.fieldnames or [], list(lines)
    except csv.Error as error:
        raise ValueError(
            f"manifest '{path}' is no table of commas and quotes, see line "
            f'{lines.line_num}: {error}'
        ) from error
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise ValueError(
            f"manifest '{path}' has two columns {twice[0]!r}; rename one"
        )
    for number, entry in enumerate(table, start=1):
        if None in entry or None in entry.values():
            than = 'more cells than' if None in entry else 'fewer cells than'
            raise ValueError(
                f"sample {number} of manifest '{path}' has {than} columns; "
                'put a path that holds a comma in quotes, and write a comma '
                'for each empty cell'
            )
    return table


def _read_json(path: Path | Remote) -> list[dict]:
    try:
        table = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"manifest '{path}' is no JSON: {error}") from error
    if not isinstance(table, list) or not all(
        isinstance(entry, dict) for entry in table
    ):
        raise ValueError(
            f"manifest '{path}' must hold a list of objects such as "
            '[{"rgb": "rgb/1.png", "label": "label/1.png"}]'
        )
    return table


def _check_columns(
    path: Path | Remote, table: Sequence[Mapping], columns: Sequence[str]
) -> None:
    found = list(dict.fromkeys(key for entry in table for key in entry))
    lacking = [name for name in columns if name not in found]
    if lacking:
        raise ValueError(
            f"manifest '{path}' with {len(table)} samples needs the columns "
            f'{list(columns)}, got {found}; add {lacking[0]!r}, or change '
            '`modalities`, `split` or `labelled`'
        )


def _row(
    root: Path | Remote, entry: Mapping, kinds: Sequence[str], where: str
) -> Row:
    row = {
        kind: _joined(root, entry.get(kind), f'{kind} of {where}')
        for kind in kinds
    }
    modalities = [kind for kind in kinds if kind != LABEL]
    if not any(row[name] for name in modalities):
        raise ValueError(
            f'{where} has none of {modalities}; fill one of these cells or '
            'delete the row'
        )
    return row


def _check_some_exist(
    path: Path | Remote,
    kind: str,
    rows: Sequence[Row],
    backend_args: Mapping[str, Any] | None,
) -> None:
    files = [row[kind] for row in rows if row[kind]]
    if files and not any(located(f, backend_args).is_file() for f in files):
        raise FileNotFoundError(
            f"none of {len(files)} files in column {kind!r} of '{path}' "
            f"exists, such as '{files[0]}'; paths begin in `data_root` or, "
            "without one, in the manifest's folder"
        )


def _joined(root: Path | Remote, cell: Any, where: str) -> str | None:
    if cell is None or cell == '':
        return None
    if not isinstance(cell, str):
        raise ValueError(f'{where} must be a path or empty, got {cell!r}')
    cell = cell.strip()
    if '://' in cell:
        return text(where, cell)
    return str(root / text(where, cell)) if cell else None

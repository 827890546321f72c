"""Adapter files as a library of repairs, joined into one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .attach import BANK, bank_of
from .bank import AdapterBank
from .file import put, read_adapter
from .file_checks import FILL, MONITOR, PREDICTORS, rows_of, stack_of
from .file_match import check_fill, check_predictors, check_same, describe

# What a file holds beside its rows.
BESIDE = (FILL, MONITOR, PREDICTORS)
# A file may ask for as many rows as there are combinations.
MOST_NUMBERS = 2**30


def read_rows(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return metadata and, per combination, the row that a file holds.

    Args:
        path: An adapter file of any row mode. Additive and hyper rows are
            written out for every combination that they serve.

    Returns:
        Metadata, and {combination: (width,)} as differences from the
        identity.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is damaged, or whose rows are too many to be
            written out.
    """
    metadata, tensors = read_adapter(path)
    names = stack_of(metadata).subsets()[1:]
    return metadata, _written_out(metadata, tensors, names, path)


@torch.no_grad()
def _written_out(
    metadata: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    names: Sequence[str],
    path: str | Path,
) -> dict[str, Tensor]:
    """Return the rows of those combinations that the file serves."""
    rows = rows_of(metadata, stack_of(metadata))
    own = {k: v for k, v in tensors.items() if not k.startswith(BESIDE)}
    rows.load(own)
    stack = rows.stack
    seen = stack.present([*metadata['samples_seen']])
    present = stack.present(names)
    is_served = rows.served(seen, present)
    served = [*compress(names, is_served.tolist())]
    if len(served) * rows.width > MOST_NUMBERS:
        raise ValueError(
            f'{str(path)!r} serves {len(served)} combinations of '
            f'{rows.width} numbers, too many to be written out; load it by '
            'itself into a network of its own row mode'
        )
    if not served:
        return {}
    return dict(zip(served, rows(present[is_served])))


def load_adapters(
    root: nn.Module, paths: Sequence[str | Path]
) -> list[dict[str, Any]]:
    """Join several adapter files into the table of ``root``.

    So repairs that were trained apart, for different combinations, serve one
    network. All or nothing: rows that no file holds are untrained
    afterwards.

    Args:
        root: A network with adapters in row mode ``table``, the base already
            loaded.
        paths: The files, of any row mode; together they may hold each
            combination once.

    Returns:
        The files' metadata.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a combination twice; a file that is damaged, learnt for
            another fill than the first, or for another base, stack, site
            list or method.
    """
    bank = _table_of(root)
    expected = describe(root)
    found: list[tuple[dict[str, Any], dict[str, Tensor]]] = []
    owner: dict[str, str | Path] = {}
    for path in paths:
        metadata, tensors = read_adapter(path)
        is_table = metadata['rows'] == 'table'  # others serve all there is
        wanted = metadata['combinations'] if is_table else bank.rows.names
        as_table = {**metadata, 'rows': 'table', 'row_options': {}}
        check_same(as_table, expected, path, bank.options)
        _check_fill(metadata, found[0][0] if found else metadata, path)
        rows = _written_out(metadata, tensors, wanted, path)
        _check_names(rows, bank, owner, path)
        owner.update(dict.fromkeys(rows, path))
        found.append((metadata, rows))
    check_fill(bank, {}, paths[0])
    joined: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    for metadata, rows in found:
        seen = metadata['samples_seen']
        joined.update(rows)
        # A row put together from others counts their samples.
        counts.update({n: seen.get(n, min(seen.values())) for n in rows})
    put(bank, joined, counts)
    return [metadata for metadata, _ in found]


def start_from(root: nn.Module, path: str | Path) -> tuple[str, ...]:
    """Let training start from what an adapter file has learnt.

    Its rows go to the combinations that the network learns too, each with
    the samples that it saw; other rows stay at the identity. A file of
    another row mode is written out and set as closely as rows can be.

    Args:
        root: A network with adapters, the base already loaded.
        path: The file.

    Returns:
        The combinations that start from the file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is damaged, or for another base, stack, site
            list or method; none of its combinations is the network's, or
            the network's row mode cannot be set.
    """
    metadata, tensors = read_adapter(path)
    bank, expected = bank_of(root), describe(root)
    ours = {key: expected[key] for key in ('rows', 'row_options')}
    check_same({**metadata, **ours}, expected, path, bank.options)
    check_fill(bank, tensors, path)
    check_predictors(bank, tensors, path)
    seen = metadata['samples_seen']
    taken = tuple(name for name in bank.rows.names if name in seen)
    if not taken:
        raise ValueError(
            f'{str(path)!r} repairs {sorted(seen)}, this network learns '
            f'{list(bank.rows.names)}: nothing to start from; check '
            '`model.adapter.combinations`'
        )
    if all(metadata.get(key) == value for key, value in ours.items()):
        put(bank, tensors, seen)
    else:
        rows = _written_out(metadata, tensors, taken, path)
        beside = {
            key: value
            for key, value in tensors.items()
            if key.startswith(BESIDE)
        }
        put(bank, beside, {name: seen[name] for name in rows})
        with torch.no_grad():
            bank.rows.write_all(rows)
    return taken


def _table_of(root: nn.Module) -> AdapterBank:
    bank = getattr(root, BANK, None)
    if not isinstance(bank, AdapterBank) or bank.row_mode != 'table':
        raise ValueError(
            'several adapter files are joined into a table; set '
            "`model.adapter.rows` to 'table'"
        )
    return bank


def _check_fill(
    metadata: Mapping[str, Any], first: Mapping[str, Any], path: str | Path
) -> None:
    fill = metadata.get('fill')
    if fill != first.get('fill'):
        raise ValueError(
            f'{str(path)!r} was learnt for fill {fill}, the first file for '
            f'{first.get("fill")}; join files of one fill'
        )
    fills = fill.values() if isinstance(fill, dict) else [fill]
    if 'learned' in fills:
        raise ValueError(
            f'{str(path)!r} has a learned fill, which belongs to its own rows '
            'alone; load it by itself'
        )
    if metadata.get('predictors'):
        raise ValueError(
            f'{str(path)!r} predicts what is absent by modules that were '
            'learnt with its own rows; load it by itself'
        )


def _check_names(
    rows: Mapping[str, Tensor],
    bank: AdapterBank,
    owner: Mapping[str, str | Path],
    path: str | Path,
) -> None:
    for name in rows:
        if name in owner:
            raise ValueError(
                f'{str(owner[name])!r} and {str(path)!r} both repair '
                f'{name!r}; cut one down with `mmseg-missing export-adapter '
                '--combination`'
            )
        if name not in bank.rows.names:
            raise ValueError(
                f'{str(path)!r} repairs {name!r}, this network has rows only '
                f'for {list(bank.rows.names)}; check '
                '`model.adapter.combinations`'
            )

"""The adapter file: safetensors with the trained rows, JSON beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..version import __version__
from .attach import BANK
from .bank import AdapterBank
from .frozen import fingerprint

FORMAT_VERSION = 1


def describe(root: nn.Module) -> dict[str, Any]:
    """Return what an adapter file says of the network it belongs to."""
    bank = _bank(root)
    return {
        'format_version': FORMAT_VERSION,
        'method': bank.method.__name__,
        'rows': bank.row_mode,
        'network': type(root).__name__,
        'stack': [
            [m.name, m.channels, list(m.mean), list(m.std)] for m in bank.stack
        ],
        'sites': [
            [s.name, s.kind, width]
            for s, width in zip(bank.sites, bank.widths)
        ],
        'base': fingerprint(root),
    }


def save_adapter(
    root: nn.Module,
    path: str | Path,
    extra: Mapping[str, Any] | None = None,
    rows: Mapping[str, Tensor] | None = None,
) -> tuple[str, ...]:
    """Write the trained rows of ``root`` to one small file.

    Args:
        root: A network with adapters.
        path: Ends in ``.safetensors``.
        extra: Further facts for the metadata: fill, results, ...
        rows: What to write for each trained combination, (width,); default:
            the network's own.

    Returns:
        The combinations in the file.

    Raises:
        ValueError: no row was trained.
        OSError: the file cannot be written.
    """
    bank = _bank(root)
    if not bank.trained:
        raise ValueError(
            'no adapter row was trained; there is nothing to save'
        )
    metadata = {
        **describe(root),
        'mmseg_missing_version': __version__,
        'combinations': list(bank.trained),
    }
    seen = dict(zip(bank.rows.names, bank.samples_seen.tolist()))
    metadata['samples_seen'] = {name: seen[name] for name in bank.trained}
    metadata.update(extra or {})
    rows = bank.rows.table if rows is None else rows
    _write(path, {name: rows[name] for name in bank.trained}, metadata)
    return bank.trained


def annotate_adapter(path: str | Path, extra: Mapping[str, Any]) -> None:
    """Add facts to the metadata of an adapter file; raises as reading."""
    metadata, rows = read_adapter(path)
    _write(path, rows, {**metadata, **extra})


def _write(
    path: str | Path, rows: Mapping[str, Tensor], metadata: Mapping[str, Any]
) -> None:
    rows = {k: v.detach().cpu().contiguous() for k, v in rows.items()}
    texts = {k: json.dumps(v, default=float) for k, v in metadata.items()}
    try:
        save_file(rows, path, texts)
    except SafetensorError as error:
        raise OSError(f'cannot write {str(path)!r}: {error}') from error


def read_adapter(
    path: str | Path,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return metadata and rows of an adapter file; nothing is unpickled.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not an adapter file, damaged, or of another version.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no adapter file {str(path)!r}')
    try:
        with safe_open(path, framework='pt') as file:
            metadata = {
                key: json.loads(value)
                for key, value in (file.metadata() or {}).items()
            }
            rows = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(
            f'{str(path)!r} is damaged or no adapter file: {error}'
        ) from error
    version = metadata.get('format_version')
    if version != FORMAT_VERSION:
        raise ValueError(
            f'{str(path)!r} has adapter format version {version}, this '
            f'package reads {FORMAT_VERSION}'
        )
    return metadata, rows


@torch.no_grad()
def load_adapter(root: nn.Module, path: str | Path) -> dict[str, Any]:
    """Load the rows of an adapter file into ``root``, all or nothing.

    Args:
        root: A network with adapters, the base already loaded.
        path: The file.

    Returns:
        The file's metadata.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is damaged, or for another base, stack, site
            list, method or combination; the sentence says what differs.
    """
    metadata, rows = read_adapter(path)
    bank = _bank(root)
    _check_same(metadata, describe(root), path)
    strange = sorted(set(rows) - set(bank.rows.names))
    if strange:
        raise ValueError(
            f'{str(path)!r} holds a row for {strange[0]!r}, this network only '
            f'for {list(bank.rows.names)}; check `model.adapter.combinations`'
        )
    seen: Any = metadata.get('samples_seen')
    if not _are_sound(rows, seen, bank.num_parameters):
        raise ValueError(
            f'{str(path)!r} is damaged: its rows are not {bank.num_parameters}'
            ' numbers each with a count of training samples'
        )
    for name, row in rows.items():
        bank.rows.table[name].copy_(row)
        bank.samples_seen[bank.rows.names.index(name)] = seen[name]
    return metadata


def _are_sound(rows: Mapping[str, Tensor], seen: Any, width: int) -> bool:
    """Say whether every row has its numbers and its count."""
    return (
        isinstance(seen, dict)
        and set(seen) == set(rows) != set()
        and all(type(n) is int and n > 0 for n in seen.values())
        and all(
            row.shape == (width,) and row.isfinite().all()
            for row in rows.values()
        )
    )


def _check_same(
    found: Mapping[str, Any], expected: Mapping[str, Any], path: str | Path
) -> None:
    """Refuse a file for another network, with what differs first."""
    for key in ('method', 'rows', 'stack', 'sites', 'base'):
        ours, theirs = expected[key], found.get(key)
        if ours != theirs:
            raise ValueError(
                f'{str(path)!r} is for another {key}: '
                + _difference(key, ours, theirs)
            )


def _difference(key: str, ours: Any, theirs: Any) -> str:
    if key == 'base':
        return (
            f'its fingerprint starts {str(theirs)[:12]}, the loaded base has '
            f'{ours[:12]}; load the checkpoint that it was trained on'
        )
    if not isinstance(ours, list) or not isinstance(theirs, list):
        return f'it has {theirs!r}, the network {ours!r}'
    for mine, other in zip(ours, theirs):
        if mine != other:
            return f'it has {other}, the network {mine}'
    return f'it has {len(theirs)} entries, the network {len(ours)}'


def _bank(root: nn.Module) -> AdapterBank:
    bank = getattr(root, BANK, None)
    if not isinstance(bank, AdapterBank):
        raise ValueError(
            f'{type(root).__name__} has no adapters; set `model.adapter`'
        )
    return bank

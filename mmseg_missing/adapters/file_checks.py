"""What is checked before an adapter file changes a network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from .bank import AdapterBank
from .rows import Rows

# What must be the same in a file and in the network that takes it.
_SAME = (
    'method',
    'options',
    'stack',
    'rows',
    'row_options',
    'sites',
    'identity',
    'base',
)
KINDS: dict[str, type] = {
    'rows': str,
    'row_options': dict,
    'options': dict,
    'stack': list,
    'sites': list,
    'batch_major': list,
    'samples_seen': dict,
    'combinations': list,
}
# The key of `model.adapter` that makes them the same.
KEYS = {
    'method': 'type',
    'options': 'type',
    'rows': 'rows',
    'row_options': 'rows',
}
_WORDS = {'sites': 'choice of sites'}
_ADDED = ('options', 'row_options', 'identity')


def check_metadata(metadata: Mapping[str, Any], path: str | Path) -> None:
    """Refuse metadata that nobody can read on from.

    Raises:
        ValueError: names the first entry of a wrong kind.
    """
    for key, kind in KINDS.items():
        if not isinstance(metadata.get(key, kind()), kind):
            raise ValueError(
                f'{str(path)!r} is damaged: its {key} is no {kind.__name__}'
            )
    lists = metadata.get('stack', []), metadata.get('sites', [])
    if not all(
        isinstance(entry, list) and len(entry) >= 3
        for entries in lists
        for entry in entries
    ):
        raise ValueError(f'{str(path)!r} is damaged: check stack and sites')


def check_counts(
    metadata: Mapping[str, Any], path: str | Path
) -> dict[str, int]:
    """Return how many samples each combination saw, or refuse the file."""
    seen = metadata.get('samples_seen')
    if (
        isinstance(seen, dict)
        and seen
        and all(type(n) is int and 0 < n < 2**63 for n in seen.values())
    ):
        return seen
    raise ValueError(
        f'{str(path)!r} is damaged: it does not tell how many training '
        'samples each combination saw'
    )


def check_rows(
    rows: Rows,
    tensors: Mapping[str, Tensor],
    seen: Mapping[str, int],
    path: str | Path,
) -> None:
    """Refuse numbers that cannot be what training on ``seen`` left."""
    expected = {
        name: rows.get_parameter(key).shape
        for name, key in rows.stored(seen).items()
    }
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if expected != found or not all(
        bool(tensor.isfinite().all()) for tensor in tensors.values()
    ):
        raise ValueError(
            f'{str(path)!r} is damaged: expected finite numbers for '
            f'{list(expected)}, {rows.width} in a row'
        )


def check_fill(
    bank: AdapterBank, fills: Mapping[str, Tensor], path: str | Path
) -> None:
    """Refuse a file whose learned fill is not the network's."""
    ours = {f'fill.{k}': v.shape for k, v in (bank.fill or {}).items()}
    theirs = {key: vector.shape for key, vector in fills.items()}
    if ours != theirs:
        raise ValueError(
            f'{str(path)!r} has a learned fill of {sorted(theirs)}, the '
            f'network of {sorted(ours)}; check `model.fill`'
        )


def check_same(
    found: Mapping[str, Any], expected: Mapping[str, Any], path: str | Path
) -> None:
    """Refuse a file for another network, with what differs first."""
    for key in _SAME:
        ours = json.loads(json.dumps(expected[key], default=float))
        # Files of version 0.1 lack what had one value only.
        theirs = found.get(key, ours if key in _ADDED else None)
        if ours != theirs:
            raise ValueError(
                f'{str(path)!r} is for another {_WORDS.get(key, key)}: '
                + _difference(key, ours, theirs)
            )


def _difference(key: str, ours: Any, theirs: Any) -> str:
    if key == 'base':
        return (
            f'its fingerprint starts {str(theirs)[:12]}, the loaded base has '
            f'{ours[:12]}; load the checkpoint that it was trained on'
        )
    if not isinstance(ours, list) or not isinstance(theirs, list):
        remedy = KEYS.get(key)
        hint = f'; set `model.adapter.{remedy}`' if remedy else ''
        return f'it has {theirs!r}, the network {ours!r}{hint}'
    hint = '; give the config that it was trained with'
    for mine, other in zip(ours, theirs):
        if mine != other:
            return f'it has {other}, the network {mine}{hint}'
    return f'it has {len(theirs)} entries, the network {len(ours)}{hint}'

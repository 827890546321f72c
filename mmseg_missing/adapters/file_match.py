"""Whether an adapter file and a network belong together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from .bank import AdapterBank
from .file_checks import ADDED, PREDICTORS

# What must be the same in a file and in the network that takes it.
_SAME = (
    'methods',
    'method',
    'options',
    'stack',
    'rows',
    'row_options',
    'sites',
    'shares',
    'identity',
    'predictors',
    'trainable',
    'base',
)
# The key of `model.adapter` that makes them the same.
KEYS = {
    'method': 'type',
    'options': 'type',
    'rows': 'rows',
    'row_options': 'rows',
}
_WORDS = {
    'methods': 'list of methods',
    'shares': 'choice of sites',
    'sites': 'choice of sites',
    'predictors': 'choice of `model.imputer` and `model.generator`',
    'trainable': 'choice of `model.trainable`',
}


def check_fill(
    bank: AdapterBank, fills: Mapping[str, Tensor], path: str | Path
) -> None:
    """Refuse a file whose learned fill is not the network's."""
    ours = {f'fill.{k}': v.shape for k, v in bank.fill_vectors.items()}
    theirs = {key: vector.shape for key, vector in fills.items()}
    if ours != theirs:
        raise ValueError(
            f'{str(path)!r} has a learned fill of {sorted(theirs)}, the '
            f'network of {sorted(ours)}; check `model.fill`'
        )


def check_predictors(
    bank: AdapterBank, tensors: Mapping[str, Tensor], path: str | Path
) -> None:
    """Refuse a file whose predictors have other numbers."""
    ours = {
        f'{PREDICTORS}{name}': value.shape
        for name, value in bank.predictors.state_dict().items()
    }
    theirs = {
        name: value.shape
        for name, value in tensors.items()
        if name.startswith(PREDICTORS)
    }
    if ours != theirs:
        raise ValueError(
            f'{str(path)!r} predicts what is absent by other modules than '
            'this network; give the config that it was trained with'
        )


def check_same(
    found: Mapping[str, Any],
    expected: Mapping[str, Any],
    path: str | Path,
    options: Mapping[str, Any],
) -> None:
    """Refuse a file for another network, with what differs first.

    Args:
        found: Metadata of the file.
        expected: What a file of the network would say.
        path: Path of the file.
        options: Options of the network's method as they were given, patterns
            included, which files of version 1 repeat.

    Raises:
        ValueError: something differs.
    """
    for key in _SAME:
        ours = _as_read(expected.get(key, []))
        # Files of version 0.1 lack what had one value only.
        theirs = found.get(key, ours if key in ADDED else [])
        if key == 'options' and theirs == _as_read(options):
            continue
        if ours != theirs and (ours or theirs):  # nothing may be {} or []
            raise ValueError(
                f'{str(path)!r} is for another {_WORDS.get(key, key)}: '
                + _difference(key, ours, theirs)
            )


def _as_read(value: Any) -> Any:
    return json.loads(json.dumps(value, default=float))


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

"""Whether an adapter file and a network belong together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .attach import bank_of
from .bank import AdapterBank
from .base_state import fingerprint
from .file_checks import ADDED, FILL, PREDICTORS
from .sites import Site, by_name

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


def describe(root: nn.Module) -> dict[str, Any]:
    """Return what an adapter file says of the network it belongs to."""
    bank = bank_of(root)
    return {
        'method': bank.method.__name__,
        'options': _by_name(bank.options, bank.sites),
        'rows': bank.row_mode,
        'row_options': bank.row_options,
        'network': type(root).__name__,
        'stack': [
            [m.name, m.channels, list(m.mean), list(m.std)] for m in bank.stack
        ],
        'sites': [
            [s.name, s.kind, width]
            for s, width in zip(bank.sites, bank.widths)
        ],
        'batch_major': [s.name for s in bank.sites if s.is_batch_major],
        # Where nothing of it is used, files are as they always were.
        **(_several(bank) if len(bank.methods) > 1 else {}),
        **({'trainable': list(bank.trainable)} if bank.trainable else {}),
        **(
            {'predictors': bank.predictor_configs}
            if bank.predictor_configs
            else {}
        ),
        'identity': _digest(bank.identity),
        'base': fingerprint(root),
    }


def check_fill(
    bank: AdapterBank, tensors: Mapping[str, Tensor], path: str | Path
) -> None:
    """Refuse a file whose learned fill is not the network's."""
    ours = {f'{FILL}{k}': v.shape for k, v in bank.fill_vectors.items()}
    theirs = {k: v.shape for k, v in tensors.items() if k.startswith(FILL)}
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


def _by_name(
    options: Mapping[str, Any], sites: Sequence[Site]
) -> dict[str, Any]:
    """Return options of a method with names in the place of patterns."""
    return {
        key: by_name(value, sites) if isinstance(value, Mapping) else value
        for key, value in options.items()
    }


def _several(bank: AdapterBank) -> dict[str, Any]:
    """Return the methods of a network that has several, and their shares."""
    methods = [
        [kind.__name__, _by_name(options, [*compress(bank.sites, shares)])]
        for (kind, options), shares in zip(bank.methods, zip(*bank.shares))
    ]
    return {'methods': methods, 'shares': bank.shares}


def _digest(numbers: Tensor) -> str:
    """Return 16 hex digits that tell where rows are counted from."""
    data = numbers.detach().to('cpu', torch.float32).contiguous()
    return hashlib.sha256(data.numpy().tobytes()).hexdigest()[:16]


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

"""Vectors of texts from a file, for rows that a small network writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

KEY = 'model.adapter.rows.condition'


def with_vectors(rows: Any) -> Any:
    """Return a row mode with what its ``condition.file`` holds in its place.

    Args:
        rows: ``model.adapter.rows``; it stays as it is.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is no table of vectors.
    """
    condition = rows.get('condition') if isinstance(rows, Mapping) else None
    if not (isinstance(condition, Mapping) and 'file' in condition):
        return rows
    rest = {key: value for key, value in condition.items() if key != 'file'}
    vectors = read_vectors(condition['file'])
    return {**rows, 'condition': {**rest, 'vectors': vectors}}


def read_vectors(path: str | Path) -> dict[str, Tensor]:
    """Return the vectors of each modality, (classes, size).

    Args:
        path: An ``.npz`` with one vector for each
            ``<modality>/<class>``, all of one size.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is none, or a modality lacks a class that another has.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f'no file {str(path)!r} of vectors; check `{KEY}.file`, or give '
            'an adapter file by --adapter, which holds them'
        )
    try:
        with np.load(path, allow_pickle=False) as found:
            entries = {name: found[name] for name in found.files}
        table = {name: np.asarray(v, 'float32') for name, v in entries.items()}
        sizes = {vector.shape for vector in table.values()}
        if len(sizes) != 1 or len(next(iter(sizes))) != 1:
            raise ValueError(f'its entries have the shapes {sorted(sizes)}')
        pairs = [name.split('/', 1) for name in table]
        classes = dict.fromkeys(c for _, c in pairs)
    except Exception as error:  # a foreign file may be anything
        raise ValueError(
            f'{str(path)!r} is no .npz with a vector for each '
            f'"<modality>/<class>": {error}; see `{KEY}` in '
            'docs/parts/adapters.md'
        ) from error
    modalities = dict.fromkeys(m for m, _ in pairs)
    for m in modalities:
        for c in classes:
            if f'{m}/{c}' not in table:
                raise ValueError(
                    f'{str(path)!r} has no vector {m}/{c}, but other '
                    f'modalities have one of {c!r}; add it'
                )
    return {
        m: torch.tensor(np.stack([table[f'{m}/{c}'] for c in classes]))
        for m in modalities
    }

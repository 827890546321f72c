"""Reading OpenMMLab checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from ..compat import load_file, trusting


def read_checkpoint(path: str | Path, trust: bool = False) -> dict:
    """Return a checkpoint as ``dict(state_dict=..., meta=...)``.

    Args:
        path: Of the file.
        trust: Let it run code, should it hold any; default: read data only.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no checkpoint but an adapter file, a damaged one, or one
            that holds more than data.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no checkpoint {str(path)!r}')
    if Path(path).suffix == '.safetensors':
        raise ValueError(
            f'{str(path)!r} is an adapter file; give the base as checkpoint '
            'and this file as `--adapter`'
        )
    with trusting(trust):
        found = load_file(path, 'cpu')
    if isinstance(found, dict) and 'state_dict' not in found:
        found = {'state_dict': found}
    if not isinstance(found, dict) or not _is_state(found['state_dict']):
        raise ValueError(
            f'{str(path)!r} holds no weights by name; give a checkpoint'
        )
    if not isinstance(found.get('meta') or {}, dict):
        raise ValueError(f'{str(path)!r} is damaged: its meta is no dict')
    return {**found, 'meta': found.get('meta') or {}}


def _is_state(state: Any) -> bool:
    """Say whether it is tensors by name."""
    return isinstance(state, dict) and all(
        isinstance(name, str) and isinstance(tensor, Tensor)
        for name, tensor in state.items()
    )


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Return the state dict of a checkpoint; raises as above."""
    return read_checkpoint(path)['state_dict']

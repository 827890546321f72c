"""Reading OpenMMLab checkpoints."""

from __future__ import annotations

from pathlib import Path

from mmengine.runner import CheckpointLoader
from torch import Tensor


def read_checkpoint(path: str | Path) -> dict:
    """Return a checkpoint as ``dict(state_dict=..., meta=...)``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no checkpoint but an adapter file, or a damaged one.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no checkpoint {str(path)!r}')
    if Path(path).suffix == '.safetensors':
        raise ValueError(
            f'{str(path)!r} is an adapter file; give the base as checkpoint '
            'and this file as `--adapter`'
        )
    try:
        found = CheckpointLoader.load_checkpoint(
            str(path), 'cpu', logger='silent'
        )
    except Exception as error:  # torch raises many kinds for a bad file
        reason = str(error).split('. ')[0]
        raise ValueError(
            f'{str(path)!r} is damaged or no checkpoint: {reason}'
        ) from error
    if isinstance(found, dict) and 'state_dict' not in found:
        found = {'state_dict': found}
    if not isinstance(found, dict) or not isinstance(
        found['state_dict'], dict
    ):
        raise ValueError(
            f'{str(path)!r} holds no weights by name; give a checkpoint'
        )
    return {'meta': {}, **found}


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Return the state dict of a checkpoint; raises as above."""
    return read_checkpoint(path)['state_dict']

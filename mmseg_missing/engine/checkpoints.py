"""Reading checkpoints, OpenMMLab's and ours."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.error import URLError

from mmengine.runner import CheckpointLoader
from torch import Tensor

from ..adapters.file_format import Damaged
from ..compat import load_file, trusting
from ..remote import Remote, is_address, located
from .weights import read_weights

# MMEngine keeps what it downloads, and knows names of model zoos.
OF_MMENGINE = (
    'http://',
    'https://',
    'open-mmlab://',
    'openmmlab://',
    'mmcls://',
    'torchvision://',
    'modelzoo://',
)


def may_be_there(path: str | Path | Remote) -> bool:
    """Say whether to read a checkpoint: a file that is there, an address."""
    return is_address(path) or Path(path).is_file()


def read_checkpoint(path: str | Path | Remote, trust: bool = False) -> dict:
    """Return a checkpoint as ``dict(state_dict=..., meta=...)``.

    Args:
        path: Path of the file, or its address: ``https://`` (kept where torch
            keeps downloads), ``s3://`` or what else MMEngine reads. One that
            ends in ``.safetensors`` holds weights of a release.
        trust: Let it run code, should it hold any; default: read data only.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no checkpoint but an adapter file, a damaged one, or one
            that holds more than data.
    """
    if not may_be_there(path):
        raise FileNotFoundError(f'no checkpoint {str(path)!r}{_instead(path)}')
    if Path(str(path)).suffix == '.safetensors':
        return _of_weights(path)
    with trusting(trust):
        found = _loaded(path)
    if isinstance(found, dict) and 'state_dict' not in found:
        found = {'state_dict': found}
    if not isinstance(found, dict) or not _is_state(found['state_dict']):
        raise ValueError(
            f'{str(path)!r} holds no weights by name; give a checkpoint'
        )
    if not isinstance(found.get('meta') or {}, dict):
        raise ValueError(f'{str(path)!r} is damaged: its meta is no dict')
    return {**found, 'meta': found.get('meta') or {}}


def _of_weights(path: str | Path | Remote) -> dict:
    """Return what a file that :func:`write_weights` wrote holds."""
    try:
        found = read_weights(located(path).read_bytes())
    except Damaged as error:
        raise ValueError(
            f'{str(path)!r} is damaged or holds no weights: {error}'
        ) from error
    if found is None:
        raise ValueError(
            f'{str(path)!r} is an adapter file; give the base as checkpoint '
            'and this file as `--adapter`'
        )
    return found


def _instead(path: str | Path) -> str:
    """Name what lies beside a file that is not there, the newest first."""
    beside = [p for p in Path(path).parent.glob('*.pth') if p.is_file()]
    beside.sort(key=lambda file: file.stat().st_mtime, reverse=True)
    names = ', '.join(file.name for file in beside[:3])
    return f'; its folder has {names}' if names else ''


def _loaded(path: str | Path | Remote) -> Any:
    """Return what a file holds; each way ends in ``load_file``."""
    if not is_address(path):
        return load_file(path, 'cpu')
    try:
        if str(path).startswith(OF_MMENGINE):
            return CheckpointLoader.load_checkpoint(str(path), 'cpu')
        content = io.BytesIO(located(path).read_bytes())
    except (URLError, FileNotFoundError) as error:
        raise FileNotFoundError(
            f'no checkpoint {str(path)!r}: {error}'
        ) from error
    content.name = str(path)
    return load_file(content, 'cpu')


def _is_state(state: Any) -> bool:
    """Say whether it is tensors by name."""
    return isinstance(state, dict) and all(
        isinstance(name, str) and isinstance(tensor, Tensor)
        for name, tensor in state.items()
    )


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Return the state dict of a checkpoint; raises as above."""
    return read_checkpoint(path)['state_dict']

"""Weights of a network in a file that cannot be anything else.

safetensors: names and numbers, texts beside them. Matrices are stored in half
precision, vectors and statistics as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..adapters.file_format import Damaged, parse
from .atomic import write_atomically

# What tells such a file from an adapter file.
KIND = 'mmseg_missing_weights'
VERSION = 1


def write_weights(
    path: Path, state: Mapping[str, Tensor], meta: Mapping[str, Any]
) -> dict[str, Tensor]:
    """Write the weights of a network, and return them as they will be read.

    Args:
        path: Ends in ``.safetensors``.
        state: Tensors by name.
        meta: What JSON can hold: ``dataset_meta``, where it comes from.
    """
    stored = {
        name: tensor.half() if tensor.ndim > 1 else tensor
        for name, tensor in state.items()
    }
    texts = {KIND: json.dumps(VERSION), 'meta': json.dumps(meta)}
    content = save({k: v.contiguous() for k, v in stored.items()}, texts)
    write_atomically(path, content)
    return _read(stored)


def read_weights(content: bytes) -> dict[str, Any] | None:
    """Return ``state_dict`` and ``meta`` of such a file; None: it is another.

    Raises:
        Damaged: it is cut, changed, or of a later version.
    """
    size = int.from_bytes(content[:8], 'little')
    header = parse(content[8 : 8 + size])
    texts = header.get('__metadata__') if isinstance(header, dict) else None
    if not isinstance(texts, dict) or KIND not in texts:
        return None
    if parse(texts[KIND]) != VERSION:
        raise Damaged(f'this package reads version {VERSION} of weights')
    try:
        state = _read(load(content))
    except (SafetensorError, ValueError) as error:
        raise Damaged(f'its numbers cannot be read: {error}') from error
    return {'state_dict': state, 'meta': parse(texts.get('meta', '{}'))}


def _read(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: tensor.float() if tensor.dtype == torch.half else tensor
        for name, tensor in stored.items()
    }

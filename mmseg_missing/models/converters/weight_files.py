"""Read foreign weights and write ours."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ...compat import load_file


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name, on the CPU.

    Takes a plain state dict or one under ``state_dict``, ``model_state_dict``
    or ``model``.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no tensors by name, more than data, or is
            damaged.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'weights {path} do not exist')
    content = load_file(path, 'cpu')
    for key in ('state_dict', 'model_state_dict', 'model'):
        if isinstance(content, Mapping) and key in content:
            content = content[key]
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor)
        for name, tensor in content.items()
    ):
        raise ValueError(f'{path} holds no tensors by name')
    return dict(content)


def write_weights(weights: Mapping[str, Tensor], path: str | Path) -> None:
    """Write a checkpoint that `init_cfg=dict(type='Pretrained')` loads.

    Raises:
        OSError: if ``path`` cannot be written.
    """
    with open(path, 'wb') as file:
        torch.save({'state_dict': dict(weights)}, file)

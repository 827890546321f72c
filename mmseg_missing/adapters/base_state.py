"""The base under the adapters: its state, its fingerprint, its loading."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ..finite import is_finite
from .attach import BANK, adapted


def adapter_prefixes(root: nn.Module) -> tuple[str, ...]:
    """Return how the keys of adapters in ``root.state_dict()`` begin.

    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> _ = attach(network, stack)
    >>> adapter_prefixes(network)
    ('adapters.',)
    """
    return tuple(
        f'{name}.{BANK}.' if name else f'{BANK}.' for name, _ in adapted(root)
    )


def base_state(root: nn.Module) -> dict[str, Tensor]:
    """Return the state of ``root`` without its adapters.

    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> _ = attach(network, stack)
    >>> list(base_state(network)), adapter_prefixes(network)
    (['stem.weight', 'stem.bias'], ('adapters.',))
    """
    prefixes, state = adapter_prefixes(root), root.state_dict()
    return {k: v for k, v in state.items() if not k.startswith(prefixes)}


def frozen_state(root: nn.Module) -> dict[str, Tensor]:
    """Return what of the base adaptation leaves as it is.

    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> _ = attach(network, stack)
    >>> list(frozen_state(network))
    ['stem.weight', 'stem.bias']
    """
    bank = getattr(root, BANK, None)
    learning = tuple(f'{name}.' for name in getattr(bank, 'trainable', ()))
    state = base_state(root)
    return {k: v for k, v in state.items() if not k.startswith(learning)}


def fingerprint(root: nn.Module) -> str:
    """Return the sha256 of the base: sorted keys, shapes, float32 bytes.

    Parts that learn on beside the adapters are left out.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> fingerprint(network) == fingerprint(network)
    True
    """
    digest = hashlib.sha256()
    for key, value in sorted(frozen_state(root).items()):
        digest.update(f'{key}{tuple(value.shape)}'.encode())
        data = value.detach().to('cpu', torch.float32).contiguous()
        digest.update(data.numpy().tobytes())
    return digest.hexdigest()


def load_base(
    model: nn.Module, state: Mapping[str, Tensor], path: str | Path
) -> None:
    """Load ``state`` into everything of ``model`` but its adapters.

    Raises:
        ValueError: a key too many or too few, another shape, or numbers
            that are not finite.

    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> state = network.state_dict()
    >>> _ = attach(network, stack)
    >>> load_base(network, state, 'base.pth')  # nothing but adapters lacks
    """
    expected = base_state(model)
    missing = set(expected) - set(state)
    strange = set(state) - set(expected)
    if missing or strange:
        remedy = (
            'the checkpoint of the sibling config without adapter'
            if len(expected) < len(model.state_dict())
            else 'a checkpoint of this config, with the same modalities'
        )
        raise ValueError(
            f'{str(path)!r} is no base of this network: {len(missing)} keys '
            f'are missing {sorted(missing)[:2]}, {len(strange)} are unknown '
            f'{sorted(strange)[:2]}; give {remedy}'
        )
    for key, value in expected.items():
        if value.shape != state[key].shape:
            raise ValueError(
                f'{str(path)!r} is no base of this network: {key!r} has shape '
                f'{tuple(state[key].shape)}, expected {tuple(value.shape)}'
            )
    check_finite(state, path)
    model.load_state_dict(state, strict=False)


def check_finite(state: Mapping[str, Tensor], path: str | Path) -> None:
    """Refuse weights that are NaN or infinite, also once in float32.

    Raises:
        ValueError: names the first such tensor.

    >>> check_finite({'weight': torch.ones(2)}, 'a.pth')  # all is well
    """
    for key, value in state.items():
        if not is_finite(value.to(torch.float32)):
            raise ValueError(
                f'{str(path)!r} holds numbers that are not finite in {key!r}; '
                'give a checkpoint from before its training diverged'
            )

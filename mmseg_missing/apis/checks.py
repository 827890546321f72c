"""What a run needs, checked before it starts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from mmengine.config import Config


def require(cfg: Config, key: str) -> Any:
    """Return what a config has under a dotted key.

    Raises:
        ValueError: nothing, or None.
    """
    value: Any = cfg
    parts = key.split('.')
    for depth, part in enumerate(parts, 1):
        is_dict = isinstance(value, (Config, Mapping))
        value = value.get(part) if is_dict else None
        if value is None:
            file = getattr(cfg, 'filename', None)
            name = repr(file) if file else 'the config'
            raise ValueError(
                f'{name} has no `{".".join(parts[:depth])}`; add it, or give '
                'a leaf config'
            )
    return value


def check_device(device: str, kinds: Collection[str] | None = None) -> str:
    """Return the type of a device that is there.

    Args:
        device: Such as ``cpu`` or ``cuda:1``.
        kinds: The types that will do; default: all.

    Raises:
        ValueError: another type, or a device that is not there.
    """
    try:
        kind = torch.empty(0, device=device).device.type
    # A torch that was built without the device asserts.
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f'there is no device {device!r} here; choose another `device` '
            '(--device), such as cpu'
        ) from error
    if kinds is not None and kind not in kinds:
        raise ValueError(
            f'expected a device of type {" or ".join(kinds)}, got '
            f'{device!r}; check --device'
        )
    return kind

"""Public names that moved, and still come from where they were for a while."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any


def moved(
    old: str, rooms: Mapping[str, Collection[str]]
) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a module whose names moved.

    Args:
        old: Name of the module.
        rooms: From where names are now, below ``mmseg_missing``, to names.
    """
    places = {name: room for room, names in rooms.items() for name in names}

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f'module {old!r} has no attribute {name!r}')
        new = f'mmseg_missing.{places[name]}'
        warnings.warn(
            f'{name} moved from {old} to {new}; the old name goes with the '
            'next version',
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(import_module(new), name)

    return get

"""Hooks and loops."""

from mmseg_missing.compat import require_stack

require_stack()

from .hooks import (  # noqa: E402
    AdapterCheckpointHook,
    FrozenBaseCheckHook,
    RandomStateHook,
)

__all__ = ['AdapterCheckpointHook', 'FrozenBaseCheckHook', 'RandomStateHook']

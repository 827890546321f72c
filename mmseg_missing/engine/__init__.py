"""Hooks and loops."""

from mmseg_missing.compat import require_stack

require_stack()

from .hooks import (  # noqa: E402
    AdapterCheckpointHook,
    CostHook,
    FrozenBaseCheckHook,
    RandomStateHook,
)
from .loops import CombinationTestLoop, CombinationValLoop  # noqa: E402

__all__ = [
    'AdapterCheckpointHook',
    'CombinationTestLoop',
    'CombinationValLoop',
    'CostHook',
    'FrozenBaseCheckHook',
    'RandomStateHook',
]

"""Hooks and loops."""

from mmseg_missing.compat import require_stack

require_stack()

from . import averaging  # noqa: E402, F401 (registers)
from .hooks import (  # noqa: E402
    AdapterCheckpointHook,
    AtomicCheckpointHook,
    CombinationLossHook,
    CombinationPicturesHook,
    CostHook,
    FiniteCheckHook,
    FrozenBaseCheckHook,
    MissingRateScheduleHook,
    RandomStateHook,
    ResumeCheckHook,
)
from .hooks.finite_check_hook import check_numbers  # noqa: E402
from .lock import is_first_process, locked  # noqa: E402
from .loops import CombinationTestLoop, CombinationValLoop  # noqa: E402
from .mixed_precision import AmpOptimWrapper  # noqa: E402
from .resume import find_checkpoint  # noqa: E402

__all__ = [
    'AdapterCheckpointHook',
    'AmpOptimWrapper',
    'AtomicCheckpointHook',
    'CombinationLossHook',
    'CombinationPicturesHook',
    'CombinationTestLoop',
    'CombinationValLoop',
    'CostHook',
    'FiniteCheckHook',
    'FrozenBaseCheckHook',
    'MissingRateScheduleHook',
    'RandomStateHook',
    'ResumeCheckHook',
    'check_numbers',
    'find_checkpoint',
    'is_first_process',
    'locked',
]

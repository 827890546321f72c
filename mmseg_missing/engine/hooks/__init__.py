"""Hooks: joining and saving adapters, checks, costs, random states."""

from .adapter_checkpoint_hook import AdapterCheckpointHook
from .cost_hook import CostHook
from .frozen_base_check_hook import FrozenBaseCheckHook
from .progress_bar_hook import ProgressBarHook
from .random_state_hook import RandomStateHook

__all__ = [
    'AdapterCheckpointHook',
    'CostHook',
    'FrozenBaseCheckHook',
    'ProgressBarHook',
    'RandomStateHook',
]

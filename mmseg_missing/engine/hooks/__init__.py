"""Hooks: joining and saving adapters, checks, random states."""

from .adapter_checkpoint_hook import AdapterCheckpointHook
from .frozen_base_check_hook import FrozenBaseCheckHook
from .progress_bar_hook import ProgressBarHook
from .random_state_hook import RandomStateHook

__all__ = [
    'AdapterCheckpointHook',
    'FrozenBaseCheckHook',
    'ProgressBarHook',
    'RandomStateHook',
]

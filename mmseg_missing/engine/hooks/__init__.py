"""Hooks: checkpoints and what lies in them, checks, costs."""

from .adapter_checkpoint_hook import AdapterCheckpointHook
from .atomic_checkpoint_hook import AtomicCheckpointHook
from .combination_loss_hook import CombinationLossHook
from .combination_pictures_hook import CombinationPicturesHook
from .cost_hook import CostHook
from .finite_check_hook import FiniteCheckHook
from .frozen_base_check_hook import FrozenBaseCheckHook
from .missing_rate_schedule_hook import MissingRateScheduleHook
from .progress_bar_hook import ProgressBarHook
from .random_state_hook import RandomStateHook
from .resume_check_hook import ResumeCheckHook

__all__ = [
    'AdapterCheckpointHook',
    'AtomicCheckpointHook',
    'CombinationLossHook',
    'CombinationPicturesHook',
    'CostHook',
    'FiniteCheckHook',
    'FrozenBaseCheckHook',
    'MissingRateScheduleHook',
    'ProgressBarHook',
    'RandomStateHook',
    'ResumeCheckHook',
]

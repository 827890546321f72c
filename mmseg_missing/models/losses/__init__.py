"""Losses against a teacher, and averages over processes."""

from .cross_entropy import mend_cross_entropy
from .distillation import (
    ChannelWiseKL,
    FeatureMSE,
    LogitKL,
    Output,
    TeacherLoss,
)
from .per_sample import hearing_samples, tell_samples

__all__ = [
    'ChannelWiseKL',
    'FeatureMSE',
    'LogitKL',
    'Output',
    'TeacherLoss',
    'hearing_samples',
    'mend_cross_entropy',
    'tell_samples',
]

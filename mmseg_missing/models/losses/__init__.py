"""Losses against a teacher, and averages over processes."""

from .cross_entropy import mend_cross_entropy
from .distillation import (
    ChannelWiseKL,
    FeatureMSE,
    LogitKL,
    Output,
    TeacherLoss,
)

__all__ = [
    'ChannelWiseKL',
    'FeatureMSE',
    'LogitKL',
    'Output',
    'TeacherLoss',
    'mend_cross_entropy',
]

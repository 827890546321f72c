"""Losses against a teacher, and averages over processes."""

from .base import Output, TeacherLoss
from .channel_wise_kl import ChannelWiseKL
from .cross_entropy import mend_cross_entropy
from .feature_mse import FeatureMSE
from .logit_kl import LogitKL

__all__ = [
    'ChannelWiseKL',
    'FeatureMSE',
    'LogitKL',
    'Output',
    'TeacherLoss',
    'mend_cross_entropy',
]

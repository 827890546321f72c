"""Losses of a student against its teacher."""

from .base import Output, TeacherLoss
from .channel_wise_kl import ChannelWiseKL
from .feature_mse import FeatureMSE
from .logit_kl import LogitKL

__all__ = [
    'ChannelWiseKL',
    'FeatureMSE',
    'LogitKL',
    'Output',
    'TeacherLoss',
]

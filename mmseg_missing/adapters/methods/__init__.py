"""The methods: how a site is modulated."""

from .bottleneck import Bottleneck
from .low_rank import LowRank
from .scale_shift import NormTuning, Scale, ScaleShift, Shift

METHODS = (ScaleShift, Scale, Shift, NormTuning, LowRank, Bottleneck)

__all__ = [
    'METHODS',
    'Bottleneck',
    'LowRank',
    'NormTuning',
    'Scale',
    'ScaleShift',
    'Shift',
]

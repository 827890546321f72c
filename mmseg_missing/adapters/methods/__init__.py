"""The methods: how a site is modulated. One file each."""

from .bottleneck import Bottleneck
from .low_rank import LowRank
from .norm_tuning import NormTuning
from .scale import Scale
from .scale_shift import ScaleShift
from .shift import Shift

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

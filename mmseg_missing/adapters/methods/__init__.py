"""The methods: how a site is modulated. One file each."""

from ...names import Names, a_subclass_of
from ..adapter import Adapter
from .bottleneck import Bottleneck
from .low_rank import LowRank
from .norm_tuning import NormTuning
from .scale import Scale
from .scale_shift import ScaleShift
from .shift import Shift

METHODS = Names('adapter method', *a_subclass_of(Adapter))
for _method in (ScaleShift, Scale, Shift, NormTuning, LowRank, Bottleneck):
    METHODS[_method.__name__] = _method

__all__ = [
    'METHODS',
    'Bottleneck',
    'LowRank',
    'NormTuning',
    'Scale',
    'ScaleShift',
    'Shift',
]

"""The methods: how a site is modulated."""

from ...names import Names, a_subclass_of
from ..adapter import Adapter
from .bottleneck import Bottleneck
from .hybrid import Hybrid
from .low_rank import LowRank
from .scale_shift import Bias, NormTuning, Scale, ScaleShift, Shift

METHODS = Names('adapter method', *a_subclass_of(Adapter))
for _method in (
    ScaleShift,
    Scale,
    Shift,
    Bias,
    NormTuning,
    LowRank,
    Bottleneck,
):
    METHODS[_method.__name__] = _method

__all__ = [
    'METHODS',
    'Bias',
    'Bottleneck',
    'Hybrid',
    'LowRank',
    'NormTuning',
    'Scale',
    'ScaleShift',
    'Shift',
]

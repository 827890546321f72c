"""What adapters cost."""

# ruff: noqa: E402
from mmseg_missing.compat import require_stack

require_stack()

from .benchmark import Benchmark, Measurement
from .cost_table import cost_table
from .memory import MEASURED_BY, check_device, held_bytes, peak_bytes
from .timing import MEASURED_IN_TURN, interleave, ratio_spread, spread
from .variants import KINDS, Variants, parse_present

__all__ = [
    'KINDS',
    'MEASURED_BY',
    'MEASURED_IN_TURN',
    'Benchmark',
    'Measurement',
    'Variants',
    'check_device',
    'cost_table',
    'held_bytes',
    'interleave',
    'parse_present',
    'peak_bytes',
    'ratio_spread',
    'spread',
]

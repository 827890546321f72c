"""What networks and adapters cost: time, memory, loading."""

# ruff: noqa: E402
from mmseg_missing.compat import require_stack

require_stack()

from .benchmark import Benchmark, Measurement, cost_table
from .measuring import (
    MEASURED_BY,
    MEASURED_IN_TURN,
    held_bytes,
    interleave,
    peak_bytes,
    ratio_spread,
    spread,
)
from .variants import KINDS, Variants

__all__ = [
    'KINDS',
    'MEASURED_BY',
    'MEASURED_IN_TURN',
    'Benchmark',
    'Measurement',
    'Variants',
    'cost_table',
    'held_bytes',
    'interleave',
    'peak_bytes',
    'ratio_spread',
    'spread',
]

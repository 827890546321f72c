"""Finished runs side by side."""

# ruff: noqa: E402
from mmseg_missing.compat import require_stack

require_stack()

from .compare import compare
from .comparison import Comparison
from .curves import CURVE_FILE, absence_curves, leaders, write_curve
from .render import comparison_table, write_comparison
from .runs import find_base, find_dedicated, find_runs

__all__ = [
    'CURVE_FILE',
    'Comparison',
    'absence_curves',
    'compare',
    'comparison_table',
    'find_base',
    'find_dedicated',
    'find_runs',
    'leaders',
    'write_comparison',
    'write_curve',
]

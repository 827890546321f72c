"""Finished runs side by side."""

# ruff: noqa: E402
from mmseg_missing.compat import require_stack

require_stack()

from .compare import compare
from .comparison import Comparison
from .render import comparison_table, write_comparison
from .runs import find_base, find_dedicated, find_runs

__all__ = [
    'Comparison',
    'compare',
    'comparison_table',
    'find_base',
    'find_dedicated',
    'find_runs',
    'write_comparison',
]

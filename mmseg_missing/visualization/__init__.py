"""Pictures and charts, from plain data."""

# ruff: noqa: E402
from mmseg_missing.compat import require_stack

require_stack()

from .bar_chart import bar_chart
from .line_chart import line_chart

__all__ = ['bar_chart', 'line_chart']

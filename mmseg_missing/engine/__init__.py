"""Hooks and loops."""

from mmseg_missing.compat import require_stack

require_stack()

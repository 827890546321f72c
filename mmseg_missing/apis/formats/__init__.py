"""One network in all formats in which it runs, measured side by side."""

from .study import KINDS, compare_formats

__all__ = ['KINDS', 'compare_formats']

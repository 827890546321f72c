"""Finished runs as one HTML page that needs no network."""

# ruff: noqa: E402
from mmseg_missing.compat import require_stack

require_stack()

from .collecting import Found, Scored, collect
from .page import PAGE_FILE, page, write_page

__all__ = ['PAGE_FILE', 'Found', 'Scored', 'collect', 'page', 'write_page']

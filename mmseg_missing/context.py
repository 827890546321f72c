"""What a forward is told lives in its call, not on a module.

So several threads, and tasks of asyncio, may run one network at the same
time, each with other modalities present.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .torch_versions import is_compiling

_told: ContextVar[Mapping[Any, Any]] = ContextVar('told')


class _Thread(threading.local):
    """The same for torch.compile, which cannot read context variables."""

    told: Mapping[Any, Any] = {}  # never changed in place


_thread = _Thread()


def _now() -> Mapping[Any, Any]:
    if is_compiling():
        return _thread.told
    return _told.get({})


@contextmanager
def telling(values: Mapping[Any, Any]) -> Iterator[None]:
    """Tell something to each key, mostly a module, within this block.

    Args:
        values: What :func:`told_to` gives for each key. Other keys keep what
            they were told outside of the block.
    """
    if is_compiling():
        before = _thread.told
        _thread.told = {**before, **values}
        try:
            yield
        finally:
            _thread.told = before
        return
    inner = {**_now(), **values}
    token = _told.set(inner)
    _thread.told = inner
    try:
        yield
    finally:
        _told.reset(token)
        # Not what it was: another task of this thread may have written it.
        _thread.told = _now()


def told_to(key: Any, default: Any = None) -> Any:
    """Return what the innermost block tells ``key`` in this context."""
    return _now().get(key, default)

"""What a forward is told lives in its call, not on a module.

So several threads, and tasks of asyncio, may run one network at the same
time, each with other modalities present.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from .torch_versions import is_compiling

_told: ContextVar[Mapping[Any, Any]] = ContextVar('told')


class _Thread(threading.local):
    """The same for torch.compile, which cannot read context variables."""

    def __init__(self) -> None:
        # Of each thread: what a compiler guards has to be its own.
        self.told: Mapping[Any, Any] = {}  # never changed in place


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

    >>> with telling({'key': 'what it hears'}):
    ...     told_to('key')
    'what it hears'
    >>> told_to('key') is None
    True
    """
    if is_compiling():
        before = _thread.told
        _thread.told = {**before, **values}
        try:
            yield
        finally:
            _thread.told = before
        return
    with _telling_only({**_now(), **values}):
        yield


@contextmanager
def _telling_only(values: Mapping[Any, Any]) -> Iterator[None]:
    token = _told.set(values)
    _thread.told = values
    try:
        yield
    finally:
        _told.reset(token)
        # Not what it was: another task of this thread may have written it.
        _thread.told = _now()


class _TellingAgain:
    """A block that tells certain values, as often as it is entered."""

    def __init__(self, values: Mapping[Any, Any]) -> None:
        self._values = values
        self._open: list[AbstractContextManager] = []

    def __enter__(self) -> None:
        self._open.append(_telling_only(self._values))
        self._open[-1].__enter__()

    def __exit__(self, *error: Any) -> None:
        self._open.pop().__exit__(*error)


def telling_again() -> tuple[AbstractContextManager, AbstractContextManager]:
    """Return a block for a forward and one for the same forward, repeated.

    The second tells what is told now, whoever enters it and whenever: the
    ``context_fn`` of :func:`torch.utils.checkpoint.checkpoint`.
    """
    return nullcontext(), _TellingAgain(_now())


def told_to(key: Any, default: Any = None) -> Any:
    """Return what the innermost block tells ``key`` in this context."""
    return _now().get(key, default)

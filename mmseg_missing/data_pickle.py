"""A stand-in for Python's `pickle` that makes data and runs nothing.

``torch.load(path, pickle_module=data_pickle, weights_only=False)`` reads
tensors, numbers, texts, containers, plain NumPy arrays and the histories that
MMEngine's Runner keeps, on every torch. Whatever else a file names, a function
or a class, is refused by its name before anything is called.
"""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch

HISTORY = 'mmengine.logging.history_buffer', 'HistoryBuffer'
HISTORY_STATE = ('max_length', '_log_history', '_count_history')
PLAIN_DTYPE = re.compile(r'[?biufc]\d{0,2}|[SU]\d{1,6}')


class NotData(pickle.UnpicklingError):
    """A file that holds more than data; the message names what."""


def _encode(text: str, encoding: str) -> bytes:
    """Return bytes, which pickle writes as text."""
    if encoding != 'latin1':
        raise NotData('_codecs.encode')
    return text.encode('latin1')


def _nothing(*_: Any) -> None:
    """Stand for the functions that a history names beside its numbers."""


def _dtype(text: str, *_: Any) -> Any:
    if not PLAIN_DTYPE.fullmatch(text):
        raise NotData(f'numpy.dtype({text!r})')
    return import_module('numpy').dtype(text)


def _array(*_: Any) -> Any:
    """Return an array whose state comes next."""
    return import_module('numpy').empty(0, 'u1')


def _number(*args: Any) -> Any:
    rebuild, _ = import_module('numpy').float64().__reduce__()
    return rebuild(*args)


_MADE: dict[tuple[str, str], Callable] = {
    ('_codecs', 'encode'): _encode,
    ('__builtin__', 'getattr'): _nothing,
    ('builtins', 'getattr'): _nothing,
    ('collections', 'OrderedDict'): OrderedDict,
    ('collections', 'defaultdict'): lambda *args: defaultdict(None, *args[1:]),
    ('mmengine.config.config', 'ConfigDict'): dict,
    ('numpy', 'dtype'): _dtype,
    **{
        (f'numpy.{core}.multiarray', name): make
        for core in ('core', '_core')
        for name, make in (('_reconstruct', _array), ('scalar', _number))
    },
    **{
        (module, kind.__name__): kind
        for module in ('builtins', '__builtin__')
        for kind in (bytearray, complex, dict, list, set, slice, tuple)
    },
}
# Taken as they are, once a file asks for them.
_TAKEN = {
    HISTORY,
    ('numpy', 'ndarray'),
    ('torch', 'Size'),
    ('torch', 'device'),
    ('torch.storage', 'UntypedStorage'),
    ('torch._utils', '_rebuild_parameter'),
    ('torch._utils', '_rebuild_tensor'),
    ('torch._utils', '_rebuild_tensor_v2'),
    ('torch._utils', '_rebuild_tensor_v3'),
}


# Python's own unpickler, because that in C leaves no room for `_build`.
class Unpickler(pickle._Unpickler):  # type: ignore[name-defined,misc]
    """Makes data only."""

    dispatch = dict(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]

    def find_class(self, module: str, name: str) -> Any:
        """Return what a file may name.

        Raises:
            NotData: it may not name this.
        """
        if (module, name) in _MADE:
            return _MADE[module, name]
        if (module, name) in _TAKEN:
            return getattr(import_module(module), name)
        if module == 'torch' and isinstance(
            found := getattr(torch, name, None), torch.dtype
        ):
            return found
        raise NotData(f'{module}.{name}')

    def _build(self) -> None:
        """Give the object below the state on top of the stack."""
        state = self.stack.pop()
        made = self.stack[-1]
        kind = type(made)
        if (kind.__module__, kind.__name__) == HISTORY:
            # Not the functions, which all histories would share.
            made.__setstate__({key: state[key] for key in HISTORY_STATE})
        elif kind is OrderedDict and set(state) == {'_metadata'}:
            made.__dict__.update(state)
        elif (kind.__module__, kind.__name__) == ('numpy', 'ndarray'):
            made.__setstate__(state)
        elif kind.__module__.startswith('numpy') and hasattr(
            made, 'newbyteorder'
        ):
            if state[1] == '>':
                raise NotData('a NumPy array of another byte order')
        else:
            raise NotData(f'a state of {kind.__module__}.{kind.__name__}')

    dispatch[pickle.BUILD[0]] = _build


def load(file: Any, **options: Any) -> Any:
    """Read one object from an open file; as ``pickle.load``."""
    return Unpickler(file, **options).load()

"""What samples have: one (n, M) bool tensor on the CPU, in stack order.

A row is a combination; as a tuple of flags it is a key for look-ups. Other
forms are read here, where batches begin. Names such as ``rgb+depth`` are for
command lines, files and tables: ``Stack.present`` and ``Stack.names_of``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .modality import Stack

Flags: TypeAlias = Tensor | Sequence[bool] | Mapping[str, bool]
Key: TypeAlias = tuple[bool, ...]


def as_present(given: Tensor | Iterable[Flags], stack: Stack) -> Tensor:
    """Return who has what, (n, M) bool on the CPU, checked.

    Args:
        given: (n, M) flags as a tensor, which stays as it is, or what each
            sample has: M flags in stack order, or a dict by name.
        stack: The modalities.

    Raises:
        ValueError: a sample with nothing, or a wrong number of flags.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> as_present([dict(rgb=True, depth=False), [True, True]], stack).tolist()
    [[True, False], [True, True]]
    """
    rows = checked_keys(given, stack)
    if isinstance(given, Tensor):
        return given.to('cpu', torch.bool)
    return torch.tensor(rows, dtype=torch.bool, device='cpu')


def checked_keys(given: Tensor | Iterable[Flags], stack: Stack) -> list[Key]:
    """Return the :func:`keys` of what :func:`as_present` takes.

    No tensor is made: to ``torch.compile`` they are constants.
    """
    samples: Any = given.tolist() if isinstance(given, Tensor) else given
    rows = [flags_of(flags, stack.names) for flags in samples]
    for flags in rows:
        if len(flags) != len(stack) or not any(flags):
            raise ValueError(
                f'`present` needs {len(stack)} entries for {stack.full}, at '
                f'least one of them true, got {list(flags)}'
            )
    return rows


def flags_of(flags: Any, names: Collection[str] | None = None) -> Key:
    """Return the flags of one sample as a tuple.

    Args:
        flags: A tensor, a sequence, or a dict by name.
        names: The modalities, for the order of a dict; default: its own.
    """
    if isinstance(flags, Mapping):
        flags = [flags[n] for n in names or flags if n in flags]
    elif hasattr(flags, 'tolist'):
        flags = flags.tolist()
    is_plural = isinstance(flags, (list, tuple))
    return tuple(map(bool, flags if is_plural else [flags]))


def of_samples(metas: Sequence[Mapping[str, Any]], stack: Stack) -> Tensor:
    """Return what samples have, (n, M), by their metainfo ``present``.

    Without that a sample has everything.

    Raises:
        ValueError: as :func:`as_present`.
    """
    full = (True,) * len(stack)
    return as_present([m.get('present', full) for m in metas], stack)


def degraded_of(
    metas: Sequence[Mapping[str, Any]], present: Tensor, stack: Stack
) -> Tensor | None:
    """Return what of samples is degraded, by their metainfo ``degraded``.

    Args:
        metas: Metadata of n samples; flags in stack order, or a dict by name.
        present: (n, M) bool; what is absent is not degraded.
        stack: The modalities.

    Returns:
        (n, M) bool on the CPU; None: nothing is.

    Raises:
        ValueError: an unknown modality, or a wrong number of flags.
    """
    if not any('degraded' in meta for meta in metas):
        return None
    rows = []
    for meta in metas:
        given = meta.get('degraded', (False,) * len(stack))
        if isinstance(given, Mapping):
            strange = sorted(set(given) - set(stack.names))
            if strange:
                raise ValueError(
                    f'`degraded` names {strange[0]!r}, this stack has '
                    f'{stack.full}; leave it out'
                )
            given = [given.get(name, False) for name in stack.names]
        rows.append(flags_of(given))
        if len(rows[-1]) != len(stack):
            raise ValueError(
                f'`degraded` needs {len(stack)} entries for {stack.full}, '
                f'got {list(rows[-1])}'
            )
    degraded = torch.tensor(rows, dtype=torch.bool, device='cpu') & present
    return degraded if degraded.any() else None


def keys(present: Tensor) -> list[Key]:
    """Return the rows of (n, M) as tuples, for sets and dicts."""
    return [tuple(flags) for flags in present.tolist()]


def places(present: Tensor) -> Tensor:
    """Return (n,) int64: each row's place in :func:`count`."""
    digits = 1 << torch.arange(present.shape[1], device='cpu')
    return (present * digits).sum(1)


def count(present: Tensor) -> Tensor:
    """Return (2^M,) int64: how often each combination is in (n, M).

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> count(stack.present(['rgb', 'rgb', 'rgb+depth'])).tolist()
    [0, 2, 0, 1]
    """
    return torch.bincount(places(present), minlength=1 << present.shape[1])

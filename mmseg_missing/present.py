"""What samples have: one (n, M) bool tensor on the CPU, in stack order.

A row is a combination, and its number a key for look-ups. Other forms are
read here, where batches begin; names such as ``rgb+depth`` are for command
lines, files and tables: ``Stack.present`` and ``Stack.names_of``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .modality import Stack

Flags: TypeAlias = Tensor | Sequence[bool] | Mapping[str, bool]


def as_present(given: Tensor | Iterable[Flags], stack: Stack) -> Tensor:
    """Return who has what, (n, M) bool on the CPU, checked.

    Args:
        given: (n, M) flags as a tensor, which stays as it is, or what each
            sample has: M flags in stack order, or a dict by name.
        stack: The modalities.

    Raises:
        ValueError: a sample with nothing, or a wrong number of flags.
    """
    tensor = given if isinstance(given, Tensor) else None
    samples: Any = given if tensor is None else tensor.tolist()
    rows = [flags_of(flags, stack.names) for flags in samples]
    for flags in rows:
        if len(flags) != len(stack) or not any(flags):
            raise ValueError(
                f'`present` needs {len(stack)} entries for {stack.full}, at '
                f'least one of them true, got {list(map(bool, flags))}'
            )
    if tensor is not None:
        return tensor.to('cpu', torch.bool)
    return torch.tensor(rows, dtype=torch.bool, device='cpu')


def flags_of(flags: Any, names: Collection[str] | None = None) -> list[bool]:
    """Return the flags of one sample as a list.

    Args:
        flags: A tensor, a sequence, or a dict by name.
        names: The modalities, for the order of a dict; default: its own.
    """
    if isinstance(flags, Mapping):
        return [flags[n] for n in names or flags if n in flags]
    if hasattr(flags, 'tolist'):
        flags = flags.tolist()
    return list(flags) if isinstance(flags, Iterable) else [flags]


def of_samples(metas: Sequence[Mapping[str, Any]], stack: Stack) -> Tensor:
    """Return what samples have, (n, M), by their metainfo ``present``.

    Without that a sample has everything.

    Raises:
        ValueError: as :func:`as_present`.
    """
    full = (True,) * len(stack)
    return as_present([m.get('present', full) for m in metas], stack)


def keys(present: Tensor) -> list[int]:
    """Return a number for each row: its flags as binary digits."""
    found = []
    for flags in present.tolist():
        key = 0
        for flag in flags:
            key = 2 * key + flag
        found.append(key)
    return found


def count(present: Tensor) -> Tensor:
    """Return (2^M,) int64: how many rows of (n, M) have each key."""
    found = torch.tensor(keys(present), dtype=torch.long, device='cpu')
    return torch.bincount(found, minlength=1 << present.shape[1])

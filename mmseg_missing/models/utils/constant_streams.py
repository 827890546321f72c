"""What the stream of an absent modality computes, computed once."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...adapters import AdapterBank
from ...adapters.bank import version_of
from ...context import telling, told_to
from ...present import Key, keys
from ...torch_versions import autocast_dtype, is_compiling

# Fills with which an absent modality is the same for every image.
CONSTANT_FILLS = ('zero', 'black', 'learned')
MAX_BYTES = 256 * 2**20


@dataclass(frozen=True)
class _Seen:
    """What the samples of one forward have, and who uses it.

    Args:
        present: (n, M) bool on the CPU.
        keys: Keys of its rows.
        anywhere: M flags, whether some sample has the modality.
        fill: Per modality.
        banks: Banks of the adapters.
    """

    present: Tensor
    keys: Sequence[Key]
    anywhere: Sequence[bool]
    fill: tuple[str, ...]
    banks: Sequence[AdapterBank]


class GraphConstants:
    """The same for a graph of one combination, told to one backbone's part.

    Results are of one sample and there before the graph is recorded, which
    then holds them and nothing of the streams.

    Args:
        absent: Positions of the modalities that no image has and that are
            filled with constants.
    """

    def __init__(self, absent: Collection[int]) -> None:
        self.absent = frozenset(absent)
        self._found: dict[Hashable, Any] = {}

    def run(
        self, parts: Sequence[nn.Module], streams: Sequence[int], x: Any
    ) -> Any:
        """Return what :meth:`ConstantStreams.run` does."""
        if not self.absent.issuperset(streams):
            return _chain(parts, x)
        sizes = [tuple(map(int, y.shape[1:])) for y in _leaves(x)]
        key = (*streams, *sizes)
        if key not in self._found:
            self._found[key] = _chain(parts, _one(x, 0))
        return _repeated(self._found[key], next(_leaves(x)).shape[0])


class ConstantStreams(nn.Module):
    """Runs what a backbone does before its streams meet.

    An absent modality is a constant there: whatever sees nothing else gives
    one result per size, fill and adapter row. It is computed once and
    reused, as long as the weights stay the same. A backbone holds one of
    these as ``constant``; a segmentor with
    :class:`~mmseg_missing.models.segmentors.mixin.MissingModalityMixin`
    tells it what is present. Without being told, and wherever gradients are
    asked for, everything is computed.

    Weights that change in place are seen by their version. Writing through
    ``.data``, as averaging does, leaves it; so ``train()`` and ``eval()``,
    which loops call then, forget all results. Hooks on what is reused do not
    run.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[Hashable, tuple[_State, Any]] = {}
        self._lock = threading.Lock()  # of what is kept

    def __reduce__(self) -> tuple:
        return type(self), ()  # a copy of the network computes its own

    def train(self, mode: bool = True) -> ConstantStreams:
        """Set the mode and forget."""
        with self._lock:
            self._kept.clear()
        return super().train(mode)

    @contextmanager
    def reusing(
        self,
        present: Tensor,
        fill: Mapping[str, str],
        banks: Sequence[AdapterBank],
    ) -> Iterator[None]:
        """Reuse results within this block, if it needs no gradient.

        Args:
            present: (n, M) bool on the CPU.
            fill: Per modality, in stack order.
            banks: Banks of the adapters that see the same samples.
        """
        seen = None
        # Rows that see an image are no constant.
        differ = any(bank.rows.sees_images for bank in banks)
        if not (torch.is_grad_enabled() or is_compiling() or differ):
            anywhere = present.any(0).tolist()
            kinds = tuple(fill.values())
            seen = _Seen(present, keys(present), anywhere, kinds, banks)
        with telling({self: seen}):
            yield

    def run(
        self, parts: Sequence[nn.Module], streams: Sequence[int], x: Any
    ) -> Any:
        """Return what ``parts``, one after the other, make of ``x``.

        Args:
            parts: Modules that, in evaluation mode, keep samples apart.
            streams: Positions of the modalities that ``x`` shows.
            x: A tensor (n, ...), or a list or tuple of such.
        """
        told = told_to(self)
        if isinstance(told, GraphConstants):
            return told.run(parts, streams, x)
        seen: _Seen | None = None if is_compiling() else told
        if seen is None or not all(
            seen.fill[m] in CONSTANT_FILLS for m in streams
        ):
            return _chain(parts, x)
        if any(seen.anywhere[m] for m in streams):
            return _chain(parts, x)  # a smaller batch would round otherwise
        if any(module.training for p in parts for module in p.modules()):
            return _chain(parts, x)  # dropout left on, which draws anew
        fill = tuple(seen.fill[m] for m in streams)
        bypassed = tuple(bank.is_bypassed for bank in seen.banks)
        key = (tuple(streams), fill, bypassed, *_circumstances(x))
        state = _State.of([*parts, *seen.banks])
        found: dict[Hashable, Any] = {}  # of this call, whatever is forgotten
        samples = []
        for i, present_key in enumerate(seen.keys):
            full_key = (present_key if seen.banks else None, *key)
            if full_key not in found:
                found[full_key] = self._recall(full_key, state)
            if found[full_key] is None:
                result = _compute(parts, x, i, seen)
                found[full_key] = result
                self._keep(full_key, state, result)
            samples.append(found[full_key])
        return _cat(samples)

    def _recall(self, key: Hashable, state: _State) -> Any:
        """Return a result that was kept, None where the weights changed."""
        with self._lock:
            known, result = self._kept.get(key, (None, None))
        return result if known == state else None

    def _keep(self, key: Hashable, state: _State, result: Any) -> None:
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = state, result
            while len(self._kept) > 1 and self._num_bytes() > MAX_BYTES:
                del self._kept[next(iter(self._kept))]

    def _num_bytes(self) -> int:
        return sum(_num_bytes(result) for _, result in self._kept.values())


def _compute(
    parts: Sequence[nn.Module], x: Any, sample: int, seen: _Seen
) -> Any:
    """Return the result of one sample alone."""
    with ExitStack() as blocks:
        for bank in seen.banks:
            blocks.enter_context(bank.told(seen.present[[sample]]))
        return _chain(parts, _one(x, sample))


class _State:
    """The weights that a result was computed from.

    A tensor counts as the same while it is that object, at that address, in
    that version. An address alone can be given to other weights.
    """

    def __init__(self, entries: tuple) -> None:
        self._entries = entries

    @classmethod
    def of(cls, modules: Sequence[nn.Module]) -> _State:
        """Return the state of all parameters and buffers of some modules."""
        return cls(
            tuple(
                (weakref.ref(tensor), version_of(tensor))
                for module in modules
                for tensors in (module.parameters(), module.buffers())
                for tensor in tensors
            )
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _State):
            return False
        if len(self._entries) != len(other._entries):
            return False
        return all(
            mine() is not None
            and mine() is theirs()
            and version == other_version
            for (mine, version), (theirs, other_version) in zip(
                self._entries, other._entries
            )
        )

    __hash__ = None  # type: ignore[assignment]


def _chain(parts: Sequence[nn.Module], x: Any) -> Any:
    for part in parts:
        x = part(x)
    return x


def _leaves(x: Any) -> Iterator[Tensor]:
    if isinstance(x, Tensor):
        yield x
    else:
        for y in x:
            yield from _leaves(y)


def _circumstances(x: Any) -> tuple:
    """Return what else than weights and fill a result depends on."""
    first = next(_leaves(x))
    return (
        tuple(y.shape[1:] for y in _leaves(x)),
        first.dtype,
        first.device,
        autocast_dtype(first.device.type),
    )


def _num_bytes(x: Any) -> int:
    return sum(y.nbytes for y in _leaves(x))


def _one(x: Any, sample: int) -> Any:
    """Return a batch of one."""
    if isinstance(x, Tensor):
        return x[sample : sample + 1]
    return type(x)(_one(y, sample) for y in x)


def _repeated(x: Any, n: int) -> Any:
    """Return a batch of ``n`` times the same, a copy as of :func:`_cat`."""
    if isinstance(x, Tensor):
        last, plain = torch.channels_last, torch.contiguous_format
        is_last = x.ndim == 4 and x.is_contiguous(memory_format=last)
        layout = last if is_last else plain
        return x.expand(n, *x.shape[1:]).clone(memory_format=layout)
    return type(x)(_repeated(y, n) for y in x)


def _cat(samples: list) -> Any:
    """Join batches; always a copy, so that what is kept stays as it is."""
    first = samples[0]
    if isinstance(first, Tensor):
        return torch.cat(samples)  # keeps the memory layout
    return type(first)(_cat(list(ys)) for ys in zip(*samples, strict=True))

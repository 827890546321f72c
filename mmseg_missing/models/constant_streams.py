"""What the stream of an absent modality computes, computed once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..adapters import AdapterBank
from ..sampling import Present
from ..torch_versions import autocast_dtype, is_compiling

# Fills with which an absent modality is the same for every image.
CONSTANT_FILLS = ('zero', 'black', 'learned')
MAX_BYTES = 256 * 2**20


@dataclass(frozen=True)
class _Seen:
    """What the samples of one forward have, and who uses it."""

    present: Sequence[Present]
    fill: tuple[str, ...]
    banks: Sequence[AdapterBank]


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
        self._seen: _Seen | None = None
        self._kept: dict[Hashable, tuple[Hashable, Any]] = {}

    def __reduce__(self) -> tuple:
        return type(self), ()  # a copy of the network computes its own

    def train(self, mode: bool = True) -> ConstantStreams:
        """Set the mode and forget."""
        self._kept.clear()
        return super().train(mode)

    @contextmanager
    def reusing(
        self,
        present: Sequence[Present],
        fill: Mapping[str, str],
        banks: Sequence[AdapterBank],
    ) -> Iterator[None]:
        """Reuse results within this block, if it needs no gradient.

        Args:
            present: n tuples of M flags.
            fill: Per modality, in stack order.
            banks: Of the adapters that see the same samples.
        """
        before = self._seen
        if not (torch.is_grad_enabled() or is_compiling()):
            self._seen = _Seen(present, tuple(fill.values()), banks)
        try:
            yield
        finally:
            self._seen = before

    def run(
        self, parts: Sequence[nn.Module], streams: Sequence[int], x: Any
    ) -> Any:
        """Return what ``parts``, one after the other, make of ``x``.

        Args:
            parts: Modules that, in evaluation mode, keep samples apart.
            streams: Positions of the modalities that ``x`` shows.
            x: A tensor (n, ...), or a list or tuple of such.
        """
        seen = self._seen
        if seen is None or not all(
            seen.fill[m] in CONSTANT_FILLS for m in streams
        ):
            return _chain(parts, x)
        if any(p[m] for p in seen.present for m in streams):
            return _chain(parts, x)  # a smaller batch would round otherwise
        fill = tuple(seen.fill[m] for m in streams)
        bypassed = tuple(bank.is_bypassed for bank in seen.banks)
        key = (tuple(streams), fill, bypassed, *_circumstances(x))
        state = _state([*parts, *seen.banks])
        samples = [
            self._recall(parts, x, i, key, state)
            for i in range(len(seen.present))
        ]
        return _cat(samples)

    def _recall(
        self,
        parts: Sequence[nn.Module],
        x: Any,
        sample: int,
        key: tuple,
        state: Hashable,
    ) -> Any:
        """Return the result of one sample, computed if not known."""
        seen = self._seen
        key = (seen.present[sample] if seen.banks else None, *key)
        known, result = self._kept.get(key, (None, None))
        if known != state:
            result = self._compute(parts, x, sample)
            self._keep(key, state, result)
        return result

    def _compute(self, parts: Sequence[nn.Module], x: Any, sample: int) -> Any:
        with ExitStack() as blocks:
            for bank in self._seen.banks:
                blocks.enter_context(bank.told([self._seen.present[sample]]))
            return _chain(parts, _one(x, sample))

    def _keep(self, key: Hashable, state: Hashable, result: Any) -> None:
        self._kept.pop(key, None)
        self._kept[key] = state, result
        while (
            len(self._kept) > 1
            and sum(_num_bytes(r) for _, r in self._kept.values()) > MAX_BYTES
        ):
            del self._kept[next(iter(self._kept))]


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


def _state(modules: Sequence[nn.Module]) -> tuple:
    """Return what changes whenever a weight does."""
    return tuple(
        (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version)
        for module in modules
        for tensors in (module.parameters(), module.buffers())
        for tensor in tensors
    )


def _num_bytes(x: Any) -> int:
    return sum(y.nbytes for y in _leaves(x))


def _one(x: Any, sample: int) -> Any:
    """Return a batch of one."""
    if isinstance(x, Tensor):
        return x[sample : sample + 1]
    return type(x)(_one(y, sample) for y in x)


def _cat(samples: list) -> Any:
    """Join batches; always a copy, so that what is kept stays as it is."""
    first = samples[0]
    if isinstance(first, Tensor):
        return torch.cat(samples)  # keeps the memory layout
    return type(first)(_cat(list(ys)) for ys in zip(*samples, strict=True))

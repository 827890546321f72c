"""Batch norms that take on the statistics of a missing input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..bank import AdapterBank
from ..methods import ScaleShift
from ..sites import exactly

Stats = tuple[Tensor, ...]
_NO_NORM = (
    'no site of {} is a batch norm with running statistics, there is nothing '
    'to estimate anew; fit by moments'
)
STATS = ('running_mean', 'running_var', 'num_batches_tracked')


class NormFit:
    """The batch norms' own statistics under a missing input.

    Args:
        root: The network.
        run: See :func:`mmseg_missing.adapters.fitting.closed_form.fit_rows`.
        combination: What misses something.
    """

    def __init__(
        self,
        root: nn.Module,
        run: Callable[[Any, Sequence[str]], object],
        combination: str,
    ) -> None:
        bank: AdapterBank = root.adapters
        if not issubclass(bank.method, ScaleShift):
            raise ValueError(
                'batch norm statistics give a scale and a shift, not a '
                f'{bank.method.__name__}; set `model.adapter.type` to '
                "'NormTuning'"
            )
        layers = [root.get_submodule(site.name) for site in bank.sites]
        self._layers = [
            layer if _has_mean(layer) else None for layer in layers
        ]
        self._norms = [layer for layer in self._layers if layer is not None]
        if not self._norms:
            raise ValueError(_NO_NORM.format(type(root).__name__))
        self._run, self._name = run, combination
        self._stats = [_fresh(norm) for norm in self._norms]

    def see(self, batch: Any) -> None:
        """Run one batch, with batch norms that normalise and record it."""
        with _recording(self._norms, self._stats):
            self._run(batch, (self._name,))

    def maps(self) -> list[tuple[Tensor, Tensor] | None]:
        """Return (scale, shift) of each site, None where is no batch norm."""
        stats = iter(self._stats)
        return [
            None if layer is None else _change(layer, *next(stats)[:2])
            for layer in self._layers
        ]


def find_batch_norms(root: nn.Module) -> list[str]:
    """Return patterns of all layers whose statistics can be estimated anew.

    Raises:
        ValueError: there is none.
    """
    names = [name for name, part in root.named_modules() if _has_mean(part)]
    if not names:
        raise ValueError(_NO_NORM.format(type(root).__name__))
    return [exactly(name) for name in names]


def _has_mean(layer: nn.Module) -> bool:
    return isinstance(layer, _BatchNorm) and layer.running_mean is not None


def _fresh(norm: nn.Module) -> Stats:
    """Return running mean, variance and count of a norm that saw nothing."""
    return tuple(torch.zeros_like(getattr(norm, key)) for key in STATS)


@contextmanager
def _recording(
    norms: Sequence[nn.Module], stats: Sequence[Stats]
) -> Iterator[None]:
    """Let the norms go on averaging into ``stats``; afterwards as before."""
    keys = (*STATS, 'training', 'momentum')
    before = [[getattr(norm, key) for key in keys] for norm in norms]

    def put(norm: nn.Module, values: Sequence[Any]) -> None:
        for key, value in zip(keys, values):
            setattr(norm, key, value)

    try:
        for norm, record in zip(norms, stats):
            put(norm, (*record, True, None))  # None: plain average
        yield
    finally:
        for norm, values in zip(norms, before):
            put(norm, values)


def _change(
    norm: nn.Module, mean: Tensor, var: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the map from the norm's output to that with new statistics.

    w (x - m) / s + b  becomes  w (x - m') / s' + b  by the scale s / s' and
    the shift b (1 - s / s') + w (m - m') / s'.
    """
    old = (norm.running_var.double() + norm.eps).sqrt()
    new = (var.double() + norm.eps).sqrt()
    scale = old / new
    shift = (norm.running_mean.double() - mean.double()) / new
    if norm.weight is not None:
        shift = norm.weight.double() * shift + norm.bias.double() * (1 - scale)
    return scale, shift

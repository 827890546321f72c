"""What each sample of a training step lost, for a sampler that listens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ...context import telling, told_to

_KEY = 'losses of samples'


class SampleLosses:
    """The losses of n samples, as far as losses tell them.

    Attributes:
        told: (n,), the sum of each sample's means over its labelled pixels;
            NaN for one without. None: no loss told anything.
    """

    def __init__(self) -> None:
        self.told: Tensor | None = None

    def of(self, losses: Mapping[str, Any], n: int) -> Tensor:
        """Return (n,) losses, detached.

        Where no loss tells of samples, each is given the whole batch's.

        Args:
            losses: Losses of the step, as a segmentor returns them.
            n: How many samples it had.
        """
        if self.told is not None:
            return self.told
        parts = [
            part.detach().mean()
            for name, value in losses.items()
            if 'loss' in name
            for part in (value if isinstance(value, list) else [value])
        ]
        return torch.stack(parts).sum().expand(n)


@contextmanager
def hearing_samples(wanted: bool) -> Iterator[SampleLosses | None]:
    """Give what fills with the losses of the forwards in this block.

    Args:
        wanted: Somebody listens; else there is nothing to give.
    """
    if not wanted:
        yield None
        return
    heard = SampleLosses()
    with telling({_KEY: heard}):
        yield heard


def tell_samples(each: Tensor, is_labelled: Tensor) -> None:
    """Tell what pixels lost, if somebody listens.

    Args:
        each: (n, ..., h, w), 0 where there is no label.
        is_labelled: (n, h, w) bool.
    """
    heard: SampleLosses | None = told_to(_KEY)
    if heard is None:
        return
    total = each.detach().double().flatten(1).sum(1)
    count = is_labelled.flatten(1).sum(1)
    lost = torch.where(count > 0, total / count, math.nan)
    heard.told = lost if heard.told is None else heard.told + lost

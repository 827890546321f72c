"""Losses that modules inside a network ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from ...context import telling, told_to

_KEY = 'side losses'


@contextmanager
def collecting_losses() -> Iterator[dict[str, Tensor]]:
    """Give a dict that fills with the losses of the forwards in this block."""
    losses: dict[str, Tensor] = {}
    with telling({_KEY: losses}):
        yield losses


def ask_for_loss(name: str, value: Tensor) -> None:
    """Add a scalar to the losses, if a training step is collecting them.

    Values of one name, from several modules or calls, are summed.
    """
    losses = told_to(_KEY)
    if losses is not None:
        losses[name] = losses.get(name, 0) + value

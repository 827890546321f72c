"""What makes several processes average as one does."""

from __future__ import annotations

from typing import TypeVar

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor

Number = TypeVar('Number', int, float, Tensor)


def is_alone() -> bool:
    """Say whether there are no other processes that learn in step."""
    return get_world_size() == 1 or not torch.is_grad_enabled()


def mean_over_ranks(count: Number, device: torch.device) -> Number:
    """Return the mean of what the processes of a training count.

    A sum over one's own pixels, divided by the mean of all counts: averaged
    over processes, as gradients are, it is the sum over all pixels divided
    by their number. Alone, the count as it is.

    Args:
        count: Number of one's own pixels, images or weights.
        device: Device of what is counted.
    """
    if is_alone():
        return count
    mean = torch.as_tensor(count, dtype=torch.float64).to(device)
    mean = mean.clone()  # the caller's own number stays
    all_reduce(mean, 'mean')
    return mean


def std_over_ranks(x: Tensor) -> Tensor:
    """Return the standard deviation per channel over all processes.

    Args:
        x: (n, c, h, w), detached; the batch of one's own process.

    Returns:
        (1, c, 1, 1).
    """
    over = (0, 2, 3)
    if is_alone():
        return x.std(over, correction=0, keepdim=True)
    count = mean_over_ranks(x[:, 0].numel(), x.device)
    total = mean_over_ranks(x.sum(over, keepdim=True), x.device)
    square = (x - total / count).square().sum(over, keepdim=True)
    square = mean_over_ranks(square, x.device)
    return (square / count).sqrt().to(x.dtype)

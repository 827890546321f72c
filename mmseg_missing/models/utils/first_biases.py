"""Streams that start alive where zeros stand in for their modality."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# As large as the weights that such networks start with.
STD = 0.02


@torch.no_grad()
def give_first_biases(backbone: nn.Module, channels: int) -> None:
    """Give first convolutions that answer zeros with zeros a small bias.

    To a modality that is absent they would give nothing at all, and each
    LayerNorm behind them, without a variance to divide by, multiplies
    gradients by 1 / sqrt(eps), one after the other: the first step of a
    training that lacks modalities would be infinite. Trained weights have
    biases, and are left alone. The same numbers each time, and no draw of
    torch is used up.

    Args:
        backbone: It runs once, in evaluation mode.
        channels: Channels of the stacked input.
    """
    generator = torch.Generator().manual_seed(0)

    def wake(conv: nn.Conv2d, inputs: tuple, output: Tensor) -> Tensor | None:
        if conv.bias is None or inputs[0].any() or output.any():
            return None
        bias = torch.randn(conv.bias.shape, generator=generator)
        conv.bias.copy_(STD * bias)
        return output + conv.bias[:, None, None]

    weight = next(backbone.parameters())
    hooks = [
        part.register_forward_hook(wake)
        for part in backbone.modules()
        if isinstance(part, nn.Conv2d)
    ]
    try:
        with evaluating(backbone):
            backbone(weight.new_zeros(1, channels, 64, 64))
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Set evaluation mode by hand: ``train()`` of several does more."""
    modes = [(module, module.training) for module in network.modules()]
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training

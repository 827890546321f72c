"""Shift of features alone: a bias after each layer (BitFit)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..adapter import Adapter, Call
from .affine import add, as_channels
from .scale_shift import shift_layer


class Shift(Adapter):
    """y = x + shift, one number per channel.

    BitFit learns the biases that are there; this is a bias after every
    site, those without one included. Training keeps nothing for backward.

    Source: Ben Zaken et al., BitFit, ACL 2022, arXiv:2106.10199; for
    missing modalities Reza et al., arXiv:2310.03986.
    """

    def identity(self) -> Tensor:
        """Return (C,): zeros."""
        return torch.zeros(self.site.num_features)

    def modulate(self, x: Tensor, numbers: Tensor, call: Call) -> Tensor:
        """Return x + shift, ``torch.equal`` to x at the identity."""
        shift = as_channels(numbers, x, self.site.channel_dim)
        return add(x, shift, call)

    def fold(self, layer: nn.Module, numbers: Tensor) -> None:
        """Let the layer's bias contain this adapter; it may gain one."""
        shift_layer(layer, numbers.to(layer.weight))

"""Scale of features alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..adapter import Adapter, Call
from .affine import affine, as_channels, keep_invertible
from .scale_shift import scale_layer


class Scale(Adapter):
    """y = scale * x, one number per channel.

    As :class:`ScaleShift` without its shift; half of the numbers.

    Source: Reza et al., arXiv:2310.03986, supplement ("scale only").
    """

    admit = staticmethod(keep_invertible)

    def identity(self) -> Tensor:
        """Return (C,): ones."""
        return torch.ones(self.site.num_features)

    def modulate(self, x: Tensor, numbers: Tensor, call: Call) -> Tensor:
        """Return scale * x, ``torch.equal`` to x at the identity."""
        scale = as_channels(numbers, x, self.site.channel_dim)
        shift = torch.zeros_like(scale)
        return affine(x, scale, shift, call, self.site.is_kept)

    def fold(self, layer: nn.Module, numbers: Tensor) -> None:
        """Let the layer's weight and bias contain this adapter."""
        scale_layer(layer, numbers.to(layer.weight))

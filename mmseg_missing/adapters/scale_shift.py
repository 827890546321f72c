"""Scale and shift of features (SSF)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .base import Adapter
from .sites import Site


class ScaleShift(Adapter):
    """y = scale * x + shift, one of each per channel.

    A row holds ``scale - 1`` and ``shift`` of every site, so it starts at,
    and weight decay pulls towards, the base.

    Source: Lian et al., SSF, NeurIPS 2022, arXiv:2210.08823; for missing
    modalities Reza et al., arXiv:2310.03986.
    """

    @classmethod
    def identity(cls, site: Site) -> Tensor:
        """Return (2 * C,): ones for the scale, zeros for the shift."""
        return torch.cat(
            [torch.ones(site.num_features), torch.zeros(site.num_features)]
        )

    def modulate(
        self, x: Tensor, numbers: Tensor, out: Tensor | None = None
    ) -> Tensor:
        """Return scale * x + shift, ``torch.equal`` to x at the identity."""
        dim = self.site.channel_dim
        shape = [1] * x.ndim
        shape[0], shape[dim] = x.shape[0], -1
        numbers = numbers.to(x.dtype).view(shape)
        scale, shift = numbers.chunk(2, dim)
        return torch.addcmul(shift, x, scale, out=out)

    @classmethod
    def fold(cls, layer: nn.Module, site: Site, numbers: Tensor) -> None:
        """Let the layer's weight and bias contain this adapter.

        y = s * (W x + b) + t  becomes  (s W) x + (s b + t); a layer without
        a bias gains one.
        """
        scale, shift = numbers.to(layer.weight).chunk(2)
        shape = [-1] + [1] * (layer.weight.ndim - 1)
        layer.weight.mul_(scale.reshape(shape))
        if layer.bias is None:
            layer.bias = nn.Parameter(shift.clone(), requires_grad=False)
        else:
            layer.bias.mul_(scale).add_(shift)

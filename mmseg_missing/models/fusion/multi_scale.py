"""The fusion block of MMSFormer."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...products import Conv2d, Linear
from ...values import listed, whole
from ..utils.transformer import map_to_tokens, tokens_to_map


class MultiScaleFFN(nn.Module):
    """Look around each position at three scales, between linear layers.

    Args:
        dim: Channels.

    Source: Reza et al., MMSFormer, OJSP 2024, arXiv:2309.04001; kernels,
    order and norms from its code of January 2024.
    """

    kernels = (3, 5, 7)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = Linear(dim, dim)
        self.before = _mix(dim)
        self.scales = nn.ModuleList(
            nn.Conv2d(dim, dim, k, padding=k // 2, groups=dim)
            for k in self.kernels
        )
        self.after = _mix(dim)
        self.fc2 = Linear(dim, dim)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Map tokens (n, h w, c) of a map of ``size`` (h, w)."""
        x = self.before(tokens_to_map(self.fc1(x), size))
        x = sum((conv(x) for conv in self.scales), x)
        return self.fc2(map_to_tokens(F.gelu(self.after(x))))


def _mix(dim: int) -> nn.Sequential:
    return nn.Sequential(Conv2d(dim, dim, 1), nn.BatchNorm2d(dim))


@MODELS.register_module()
class MultiScaleFusion(nn.Module):
    """One linear map of all streams, then several scales beside a gate.

    Args:
        dim: Channels of the result, and of each stream unless ``in_dims``
            says otherwise.
        num_streams: Number of streams.
        in_dims: Channels of each stream.
        reduction: The gate's hidden layer is narrower by this factor.

    Source: Reza et al., MMSFormer, OJSP 2024, arXiv:2309.04001; the
    reduction from its code.

    >>> maps = [torch.rand(2, 8, 5, 7) for _ in 'ab']
    >>> MultiScaleFusion(dim=8, num_streams=2)(maps).shape
    torch.Size([2, 8, 5, 7])
    """

    keeps_outputs = True
    stage_sites = (r'ffn\.fc2',)

    def __init__(
        self,
        dim: int,
        num_streams: int,
        in_dims: Sequence[int] | None = None,
        reduction: int = 16,
    ) -> None:
        super().__init__()
        key = 'backbone.fusion'
        hidden = max(1, dim // whole(f'{key}.reduction', reduction, 1))
        if in_dims is None:
            in_dims = [dim] * num_streams
        widths = listed(f'{key}.in_dims', in_dims)
        widths = [whole(f'{key}.in_dims', width, 1) for width in widths]
        self.merge = Linear(sum(widths), dim)
        self.ffn = MultiScaleFFN(dim)
        self.channel = nn.Sequential(
            Linear(dim, hidden, bias=False),
            nn.ReLU(),
            Linear(hidden, dim, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return one map (n, dim, h, w) of maps (n, c_i, h, w)."""
        size = features[0].shape[2:]
        x = self.merge(torch.cat(list(map(map_to_tokens, features)), 2))
        x = self.ffn(x, size) + self.channel(x.mean(1))[:, None] * x
        return tokens_to_map(x, size)

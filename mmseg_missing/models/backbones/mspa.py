"""MSPA: the block of CMNeXt's extra branch."""

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn


def box_mean(x: Tensor, size: int) -> Tensor:
    """Mean over a centred box that is cut at the border, (n, c, h, w).

    A box is separable, so rows first, then columns: 2 k reads, not k^2.
    """
    for kernel in ((size, 1), (1, size)):
        padding = (kernel[0] // 2, kernel[1] // 2)
        x = F.avg_pool2d(x, kernel, 1, padding, count_include_pad=False)
    return x


class PoolAttention(nn.Module):
    """Gate each position by its surroundings at several scales.

    Args:
        dim: Channels.

    Source: Zhang et al., CMNeXt, CVPR 2023, arXiv:2303.01480; pool sizes
    from its code.
    """

    pools = (3, 7, 11)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.local = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.mix = nn.Conv2d(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the gated map, (n, c, h, w) as given."""
        y = self.local(x)
        y = sum((box_mean(y, size) for size in self.pools), y)
        return x + self.mix(y).sigmoid() * x


class ConvFFN(nn.Module):
    """MixFFN on a map: 1x1, depth-wise 3x3, GELU, 1x1."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(dim, hidden, 1)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.fc2 = nn.Conv2d(hidden, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to the same shape."""
        return self.fc2(F.gelu(self.dwconv(self.fc1(x))))


class MSPABlock(nn.Module):
    """Pool attention, then a feed-forward beside a mix over channels.

    Args:
        dim: Channels.
        mlp_ratio: Width of the feed-forward, in multiples of ``dim``.
        drop_path: Rate of stochastic depth.

    Source: CMNeXt; layer scale 1e-2 and the channel mix from its code.
    """

    def __init__(self, dim: int, mlp_ratio: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(dim)
        self.attn = PoolAttention(dim)
        self.norm2 = nn.BatchNorm2d(dim)
        self.ffn = ConvFFN(dim, mlp_ratio * dim)
        self.channel = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.scale1 = nn.Parameter(torch.full((dim,), 1e-2))
        self.scale2 = nn.Parameter(torch.full((dim,), 1e-2))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to the same shape."""
        scale1, scale2 = self.scale1[:, None, None], self.scale2[:, None, None]
        x = x + self.drop_path(scale1 * self.attn(self.norm1(x)))
        gate = self.channel(x.mean((2, 3))[:, None]).sigmoid()  # (n, 1, c)
        y = self.drop_path(scale2 * self.ffn(self.norm2(x)))
        return gate[:, 0, :, None, None] * x + y

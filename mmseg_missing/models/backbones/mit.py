"""Mix Transformer (MiT), the encoder of SegFormer."""

import torch.nn.functional as F
from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn

from ..layout import map_to_tokens, tokens_to_map


class EfficientAttention(nn.Module):
    """Self attention with keys and values at a lower resolution.

    Args:
        dim: Channels.
        num_heads: Heads, a divisor of ``dim``.
        sr_ratio: Keys and values are this factor coarser per axis.

    Source: Xie et al., SegFormer, NeurIPS 2021, arXiv:2105.15203.
    """

    def __init__(self, dim: int, num_heads: int, sr_ratio: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)
        self.sr = None
        if sr_ratio > 1:
            self.sr = nn.Conv2d(dim, dim, sr_ratio, sr_ratio)
            self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Attend over tokens (n, h w, c) of a map of ``size`` (h, w)."""
        q = self._heads(self.q(x))
        if self.sr is not None:
            x = self.norm(map_to_tokens(self.sr(tokens_to_map(x, size))))
        k, v = (self._heads(y) for y in self.kv(x).chunk(2, 2))
        x = F.scaled_dot_product_attention(q, k, v)  # (n, heads, h w, d)
        return self.proj(x.transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.num_heads, -1)).transpose(1, 2)


class MixFFN(nn.Module):
    """Two linear layers with a depth-wise 3x3 convolution in between."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Map tokens (n, h w, c) of a map of ``size`` (h, w)."""
        x = self.dwconv(tokens_to_map(self.fc1(x), size))
        return self.fc2(map_to_tokens(F.gelu(x)))


class MiTBlock(nn.Module):
    """Attention and MixFFN, each after a norm and around a shortcut.

    Args:
        dim: Channels.
        num_heads: Heads, a divisor of ``dim``.
        sr_ratio: See :class:`EfficientAttention`.
        drop_path: Rate of stochastic depth.
        norm_eps: Of both norms.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        sr_ratio: int,
        drop_path: float,
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, norm_eps)
        self.attn = EfficientAttention(dim, num_heads, sr_ratio)
        self.norm2 = nn.LayerNorm(dim, norm_eps)
        self.ffn = MixFFN(dim, 4 * dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Map tokens (n, h w, c) of a map of ``size`` (h, w)."""
        x = x + self.drop_path(self.attn(self.norm1(x), size))
        return x + self.drop_path(self.ffn(self.norm2(x), size))


class PatchEmbed(nn.Module):
    """Overlapping patches become tokens.

    Args:
        in_channels: Channels of the incoming map.
        dim: Channels of the tokens.
        stride: 4 for the stem (7x7 patches), 2 for later stages (3x3).
    """

    def __init__(self, in_channels: int, dim: int, stride: int) -> None:
        super().__init__()
        self.proj = patch_conv(in_channels, dim, stride)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Return tokens (n, h w, dim) and their map's size (h, w)."""
        x = self.proj(x)
        return self.norm(map_to_tokens(x)), x.shape[2:]


def patch_conv(in_channels: int, dim: int, stride: int) -> nn.Conv2d:
    """Return the convolution that cuts overlapping patches."""
    kernel = 2 * stride - 1
    return nn.Conv2d(in_channels, dim, kernel, stride, kernel // 2)


class MiTStage(nn.Module):
    """One level of a Mix Transformer: patches, blocks, norm.

    Args:
        in_channels: Channels of the incoming map.
        dim: Channels of the outgoing map.
        stride: 4 for the stem, 2 for later stages.
        num_heads: Heads, a divisor of ``dim``.
        sr_ratio: See :class:`EfficientAttention`.
        drop_paths: Rate of stochastic depth, one per block.
        norm_eps: Of the norms in the blocks and after them.
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        stride: int,
        num_heads: int,
        sr_ratio: int,
        drop_paths: list[float],
        norm_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.embed = PatchEmbed(in_channels, dim, stride)
        self.blocks = nn.ModuleList(
            MiTBlock(dim, num_heads, sr_ratio, rate, norm_eps)
            for rate in drop_paths
        )
        self.norm = nn.LayerNorm(dim, norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, dim, h / stride, w / stride), rounded up."""
        x, size = self.embed(x)
        for block in self.blocks:
            x = block(x, size)
        return tokens_to_map(self.norm(x), size)

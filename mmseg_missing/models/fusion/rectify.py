"""The rectify-and-fuse pair of CMX and CMNeXt, and a fusion made of it."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...products import Conv2d, Linear
from ...values import whole
from ..utils.transformer import map_to_tokens, tokens_to_map


class FeatureRectification(nn.Module):
    """Two streams correct each other, per channel and per position.

    Each stream gains the other one, weighted by half a channel weight plus
    half a spatial weight. Both weights look at both streams.

    Args:
        dim: Channels of each stream.
        reduction: The hidden layers are narrower by this factor.

    Source: Zhang et al., CMX, T-ITS 2023, arXiv:2203.04838 (section III-B).

    >>> x, other = torch.rand(2, 2, 8, 5, 7)
    >>> [y.shape for y in FeatureRectification(dim=8)(x, other)]
    [torch.Size([2, 8, 5, 7]), torch.Size([2, 8, 5, 7])]
    """

    def __init__(self, dim: int, reduction: int = 1) -> None:
        super().__init__()
        self.channel = nn.Sequential(
            Linear(4 * dim, 4 * dim // reduction),
            nn.ReLU(),
            Linear(4 * dim // reduction, 2 * dim),
            nn.Sigmoid(),
        )
        self.spatial = nn.Sequential(
            Conv2d(2 * dim, dim // reduction, 1),
            nn.ReLU(),
            nn.Conv2d(dim // reduction, 2, 1),
            nn.Sigmoid(),
        )

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Return both streams corrected, shapes (n, c, h, w) as given."""
        both = torch.cat((x1, x2), 1)
        pooled = torch.cat((both.mean((2, 3)), both.amax((2, 3))), 1)
        channel = self.channel(pooled)[:, :, None, None].chunk(2, 1)
        spatial = self.spatial(both).chunk(2, 1)
        # Weight 0 goes with x1, weight 1 with x2: what a stream sends out.
        to_1 = 0.5 * (channel[1] + spatial[1]) * x2
        to_2 = 0.5 * (channel[0] + spatial[0]) * x1
        return x1 + to_1, x2 + to_2


class CrossAttention(nn.Module):
    """Each stream reads a (d, d) summary of the other, linear in tokens.

    Args:
        dim: Channels of each stream.
        num_heads: Heads, a divisor of ``dim``.

    Source: CMX, section III-C.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.kv1 = Linear(dim, 2 * dim, bias=False)
        self.kv2 = Linear(dim, 2 * dim, bias=False)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each stream read, shapes (n, l, c) as given."""
        context1 = self._context(self.kv1(x1))
        context2 = self._context(self.kv2(x2))
        read1 = self._heads(x1) @ context2
        read2 = self._heads(x2) @ context1
        return tuple(x.transpose(1, 2).flatten(2) for x in (read1, read2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.num_heads, -1)).transpose(1, 2)

    def _context(self, kv: Tensor) -> Tensor:
        k, v = (self._heads(x) for x in kv.chunk(2, 2))  # (n, heads, l, d)
        return (k.mT @ v * k.shape[-1] ** -0.5).softmax(-2)


class CrossPath(nn.Module):
    """Half of each stream stays, the other half reads the other stream."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.in1 = Linear(dim, 2 * dim)
        self.in2 = Linear(dim, 2 * dim)
        self.attn = CrossAttention(dim, num_heads)
        self.out1 = Linear(2 * dim, dim)
        self.out2 = Linear(2 * dim, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Return both streams, shapes (n, l, c) as given."""
        keep1, ask1 = self.in1(x1).relu().chunk(2, 2)
        keep2, ask2 = self.in2(x2).relu().chunk(2, 2)
        read1, read2 = self.attn(ask1, ask2)
        x1 = x1 + self.out1(torch.cat((keep1, read1), 2))
        x2 = x2 + self.out2(torch.cat((keep2, read2), 2))
        return self.norm1(x1), self.norm2(x2)


class FeatureFusion(nn.Module):
    """Two streams become one: cross attention, then channel embedding.

    Args:
        dim: Channels of each stream and of the result.
        num_heads: Heads of the cross attention, a divisor of ``dim``.

    Raises:
        ValueError: If ``num_heads`` does not divide ``dim``.

    Source: CMX, section III-C.

    >>> x, other = torch.rand(2, 2, 8, 5, 7)
    >>> FeatureFusion(dim=8, num_heads=2)(x, other).shape
    torch.Size([2, 8, 5, 7])
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        if dim % whole('num_heads', num_heads, 1):
            raise ValueError(
                f'feature fusion needs `num_heads` that divide the width '
                f'{dim}, got {num_heads}; check `num_heads`'
            )
        self.cross = CrossPath(dim, num_heads)
        self.residual = Conv2d(2 * dim, dim, 1, bias=False)
        self.embed = nn.Sequential(
            Conv2d(2 * dim, dim, 1),
            nn.Conv2d(dim, dim, 3, padding=1, groups=dim),
            nn.ReLU(),
            Conv2d(dim, dim, 1),
            nn.BatchNorm2d(dim),
        )
        self.norm = nn.BatchNorm2d(dim)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the fused map, (n, c, h, w) like each stream."""
        tokens = self.cross(map_to_tokens(x1), map_to_tokens(x2))
        both = tokens_to_map(torch.cat(tokens, 2), x1.shape[2:])
        return self.norm(self.residual(both) + self.embed(both))


@MODELS.register_module()
class RectifyFuse(nn.Module):
    """Let two streams correct each other, then make one of them.

    The streams themselves go on uncorrected, unlike those of CMX and CMNeXt.

    Args:
        dim: Channels of each stream and of the result.
        num_streams: Must be 2.
        num_heads: Heads of the cross attention, a divisor of every ``dim``.

    Raises:
        ValueError: if there are not two streams.

    Source: Zhang et al., CMX, T-ITS 2023, arXiv:2203.04838 (section III).

    >>> maps = [torch.rand(2, 8, 5, 7) for _ in 'ab']
    >>> RectifyFuse(dim=8, num_streams=2)(maps).shape
    torch.Size([2, 8, 5, 7])
    """

    keeps_outputs = True
    stage_sites = (r'fuse\.norm',)

    def __init__(self, dim: int, num_streams: int, num_heads: int = 1) -> None:
        super().__init__()
        if num_streams != 2:
            raise ValueError(
                f'RectifyFuse fuses 2 streams, got {num_streams}; set '
                "`backbone.fusion.type` to 'SumFusion' or 'ConcatFusion'"
            )
        self.rectify = FeatureRectification(dim)
        self.fuse = FeatureFusion(dim, num_heads)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return one map of two maps (n, c, h, w)."""
        return self.fuse(*self.rectify(*features))

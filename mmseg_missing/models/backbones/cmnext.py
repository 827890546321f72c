"""CMNeXt: one main stream, one branch for any number of others.

The branch selects, position by position, among the other modalities; its
blocks are MSPA. Source: Zhang et al., CVPR 2023, arXiv:2303.01480.
"""

import functools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks import DropPath
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...products import Conv2d
from ..fusion.rectify import FeatureFusion, FeatureRectification
from ..utils.constant_streams import ConstantStreams
from ..utils.in_place import gelu
from ..utils.split import checked_channels, split_stack
from ..utils.strips import in_strips
from .mix_transformer import (
    STRIDES,
    MixTransformer,
    patch_conv,
    recompute_blocks,
)


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
        self.mix = Conv2d(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the gated map, (n, c, h, w) as given."""
        y = self.local(x)
        y = sum((box_mean(y, size) for size in self.pools), y)
        return x + self.mix(y).sigmoid() * x


class ConvFFN(nn.Module):
    """MixFFN on a map: 1x1, depth-wise 3x3, GELU, 1x1."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Conv2d(dim, hidden, 1)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.fc2 = Conv2d(hidden, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to the same shape."""
        layers = self.fc1, self.dwconv, self.fc2
        return in_strips(self._run, x, layers, self.fc1.out_channels, 1)

    def _run(self, x: Tensor) -> Tensor:
        return self.fc2(gelu(self.dwconv(self.fc1(x)), self.dwconv))


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


class ChannelLayerNorm(nn.LayerNorm):
    """LayerNorm over the channels of a map.

    Args:
        dim: Channels.

    Source: CMNeXt, CVPR 2023, arXiv:2303.01480; epsilon from its code.
    """

    channel_dim = 1  # adapters read it

    def __init__(self, dim: int) -> None:
        super().__init__(dim, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ParallelEmbed(nn.Module):
    """Overlapping patches of several modalities, one LayerNorm each.

    Modalities of ``shared`` channels go through one convolution, any other
    through its own.

    Args:
        in_channels: Channels of each modality's map.
        shared: Channel count of the shared convolution.
        dim: Channels of the outgoing maps.
        stride: 4 for the stem (7x7 patches), 2 for later stages (3x3).
    """

    def __init__(
        self, in_channels: list[int], shared: int, dim: int, stride: int
    ) -> None:
        super().__init__()
        self.names = [
            'shared' if c == shared else f'own{i}'
            for i, c in enumerate(in_channels)
        ]
        channels = dict(zip(self.names, in_channels, strict=True))
        self.projs = nn.ModuleDict(
            {name: patch_conv(c, dim, stride) for name, c in channels.items()}
        )
        self.norms = nn.ModuleList(ChannelLayerNorm(dim) for _ in in_channels)

    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        """Embed one map (n, c_i, h, w) per modality."""
        named = zip(self.norms, self.names, xs, strict=True)
        return [norm(self.projs[name](x)) for norm, name, x in named]


class ScoreNet(nn.Sequential):
    """How informative each position of one modality is, in (0, 1)."""

    def __init__(self, dim: int) -> None:
        super().__init__(
            nn.Conv2d(dim, dim, 3, padding=1, groups=dim),
            nn.Conv2d(dim, 1, 1),
            nn.Sigmoid(),
        )


class ExtraStage(nn.Module):
    """One level of the shared branch: embed, select, MSPA blocks, norm.

    Args:
        in_channels: Channels of each modality's map.
        shared: Channel count of the shared convolution.
        dim: Channels of the outgoing maps.
        stride: 4 for the stem, 2 for later stages.
        mlp_ratio: See :class:`MSPABlock`.
        drop_paths: Rate of stochastic depth, one per block.
    """

    def __init__(
        self,
        in_channels: list[int],
        shared: int,
        dim: int,
        stride: int,
        mlp_ratio: int,
        drop_paths: list[float],
    ) -> None:
        super().__init__()
        self.embed = ParallelEmbed(in_channels, shared, dim, stride)
        several = in_channels if len(in_channels) > 1 else []
        self.scores = nn.ModuleList(ScoreNet(dim) for _ in several)
        self.blocks = nn.ModuleList(
            MSPABlock(dim, mlp_ratio, rate) for rate in drop_paths
        )
        self.norm = ChannelLayerNorm(dim)

    def forward(self, xs: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Return each modality's map and the one they agreed on.

        Args:
            xs: One map (n, c_i, h, w) per modality.
        """
        xs = self.embed(xs)
        if len(xs) > 1:
            pairs = zip(self.scores, xs, strict=True)
            xs = [x + score(x) * x for score, x in pairs]
        x = functools.reduce(torch.maximum, xs)
        for block in self.blocks:
            x = block(x)
        return xs, self.norm(x)


def next_inputs(xs: list[Tensor], x: Tensor) -> list[Tensor]:
    """Return what each modality hands to the next level.

    Args:
        xs: Map of each modality, (n, c, h, w).
        x: The branch's rectified map, (n, c, h, w).
    """
    if len(xs) == 1:
        return [x]
    return [_as_published(y) + x for y in xs]


def _as_published(x: Tensor) -> Tensor:
    # CMNeXt's code reads its channel-first memory as channel-last here.
    # That shuffles positions and channels, but the released weights of
    # three and more modalities were trained with it.
    n, c, h, w = x.shape
    return x.reshape(n, h, w, c).permute(0, 3, 1, 2)


MLP_RATIOS = (8, 8, 4, 4)  # of the extra branch; source: CMNeXt's code


@MODELS.register_module()
class CMNeXt(MixTransformer):
    """Backbone for any number of modalities; of one, a Mix Transformer.

    Modalities of fewer than 3 channels are repeated to 3. The first
    modality has its own stream, which takes ImageNet weights. All others
    share a branch and its stem; one of more than 3 channels gets a stem of
    its own.

    Args:
        variant: ``'b0'`` to ``'b5'``, or None for the sizes below.
        embed_dims: Channels of the four levels.
        depths: Blocks of the four levels, in both branches.
        num_heads: Heads of attention and fusion per level.
        sr_ratios: How much coarser keys and values are, per level.
        in_channels: Channels of each modality, the main one first.
        drop_path_rate: Stochastic depth of the last block; 0 at the first.
        init_cfg: See :class:`MixTransformer`; what a file does not hold
            starts from scratch.
        with_cp: See :class:`MixTransformer`.

    Raises:
        ValueError: If a size does not fit; the message names the key.

    Source: Zhang et al., CMNeXt, CVPR 2023, arXiv:2303.01480.

    >>> network = CMNeXt(
    ...     embed_dims=(8, 16, 24, 32),
    ...     depths=(1, 1, 1, 1),
    ...     num_heads=(1, 2, 3, 4),
    ...     in_channels=(3, 1),
    ... )
    >>> [tuple(level.shape) for level in network(torch.rand(2, 4, 32, 64))]
    [(2, 8, 8, 16), (2, 16, 4, 8), (2, 24, 2, 4), (2, 32, 1, 2)]
    """

    # Where stages end, for adapters behind stages.
    stage_sites: tuple[str, ...] = (
        r'(extra_)?stages\.\d+\.norm',
        r'fuse\.\d+\.norm',
    )

    def __init__(
        self,
        variant: str | None = None,
        embed_dims: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        num_heads: Sequence[int] = (1, 2, 5, 8),
        sr_ratios: Sequence[int] = (8, 4, 2, 1),
        in_channels: Sequence[int] = (3, 3),
        drop_path_rate: float = 0.1,
        init_cfg: dict | list[dict] | None = None,
        with_cp: bool = False,
    ) -> None:
        channels = checked_channels(in_channels)
        main, *extras = (max(c, 3) for c in channels)
        super().__init__(
            variant,
            embed_dims,
            depths,
            num_heads,
            sr_ratios,
            main,
            drop_path_rate,
            init_cfg,
            with_cp=with_cp,
        )
        self.in_channels = channels
        self.constant = ConstantStreams()
        if extras:
            self._add_branch(extras, num_heads)
        if extras and with_cp:
            recompute_blocks(self.extra_stages)

    def _add_branch(self, extras: list[int], num_heads: Sequence[int]) -> None:
        dims = self.out_channels
        levels = zip(
            (extras, *([c] * len(extras) for c in dims[:-1])),
            (3, *dims[:-1]),
            dims,
            STRIDES,
            MLP_RATIOS,
            self.drop_paths,
            strict=True,
        )
        self.extra_stages = nn.ModuleList(
            ExtraStage(*level) for level in levels
        )
        self.rectify = nn.ModuleList(map(FeatureRectification, dims))
        self.fuse = nn.ModuleList(map(FeatureFusion, dims, num_heads))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the fused maps at 1/4, 1/8, 1/16 and 1/32.

        Args:
            x: All modalities, stacked along channels, (n, sum c, h, w).

        Raises:
            ValueError: If the number of channels differs from the stack's.
        """
        x, *extras = split_stack(x, self.in_channels, 'CMNeXt')
        if not extras:
            return super().forward(x)
        outs = []
        for level in range(len(self.stages)):
            x, extras, extra = self._stage(level, x, extras)
            x, extra = self.rectify[level](x, extra)
            outs.append(self.fuse[level](x, extra))
            extras = next_inputs(extras, extra)
        return tuple(outs)

    def _stage(
        self, level: int, x: Tensor, extras: list[Tensor]
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        main, others = [self.stages[level]], [self.extra_stages[level]]
        if level:
            return main[0](x), *others[0](extras)
        run, m = self.constant.run, len(self.in_channels)
        return run(main, [0], x), *run(others, range(1, m), extras)

"""The Mix Transformer (MiT), the encoder of SegFormer, for one image."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks import DropPath
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...products import Linear, is_plain_inference
from ...recomputing import recompute
from ...values import choice, flag, real, whole
from ..utils.in_place import gelu
from ..utils.split import MOST_CHANNELS, checked_levels
from ..utils.strips import in_strips
from ..utils.transformer import init_transformer, map_to_tokens, tokens_to_map


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
        self.q = Linear(dim, dim)
        self.kv = Linear(dim, 2 * dim)
        self.proj = Linear(dim, dim)
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
        self.fc1 = Linear(dim, hidden)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.fc2 = Linear(hidden, dim)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Map tokens (n, h w, c) of a map of ``size`` (h, w)."""
        if not is_plain_inference():
            return self._run(x, size)
        layers = self.fc1, self.dwconv, self.fc2
        x, width = tokens_to_map(x, size), self.fc1.out_features
        return map_to_tokens(in_strips(self._on_map, x, layers, width, 1))

    def _on_map(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        return tokens_to_map(self._run(map_to_tokens(x), size), size)

    def _run(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        x = self.dwconv(tokens_to_map(self.fc1(x), size))
        return self.fc2(map_to_tokens(gelu(x, self.dwconv)))


class MiTBlock(nn.Module):
    """Attention and MixFFN, each after a norm and around a shortcut.

    Args:
        dim: Channels.
        num_heads: Heads, a divisor of ``dim``.
        sr_ratio: See :class:`EfficientAttention`.
        drop_path: Rate of stochastic depth.
        norm_eps: Epsilon of both norms.
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
        norm_eps: Epsilon of the norms in the blocks and after them.
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


# Widths and depths; source: SegFormer, table 6.
VARIANTS = {
    'b0': ((32, 64, 160, 256), (2, 2, 2, 2)),
    'b1': ((64, 128, 320, 512), (2, 2, 2, 2)),
    'b2': ((64, 128, 320, 512), (3, 4, 6, 3)),
    'b3': ((64, 128, 320, 512), (3, 4, 18, 3)),
    'b4': ((64, 128, 320, 512), (3, 8, 27, 3)),
    'b5': ((64, 128, 320, 512), (3, 6, 40, 3)),
}
STRIDES = (4, 2, 2, 2)


@MODELS.register_module()
class MixTransformer(BaseModule):
    """The encoder of SegFormer.

    Unlike MMSegmentation's ``MixVisionTransformer`` it calls every layer as
    a module, so an adapter can hang on each.

    Args:
        variant: ``'b0'`` to ``'b5'``, or None for the sizes below.
        embed_dims: Channels of the four levels.
        depths: Blocks of the four levels.
        num_heads: Heads of the attention per level.
        sr_ratios: How much coarser keys and values are, per level.
        in_channels: Channels of the image.
        drop_path_rate: Stochastic depth of the last block; 0 at the first.
        init_cfg: MMEngine's; ``dict(type='Pretrained', checkpoint=...)``
            takes a file of ``mmseg-missing convert mit``.
        norm_eps: Epsilon of the norms in the blocks and after them; 1e-6 in
            the code of SegFormer and CMX, 1e-5 in CMNeXt's.
        with_cp: Compute each block again in the backward pass instead of
            keeping what it computed: less memory, more time.

    Raises:
        ValueError: If a size does not fit; the message names the key.

    Source: Xie et al., SegFormer, NeurIPS 2021, arXiv:2105.15203.

    >>> network = MixTransformer('b0')
    >>> [tuple(level.shape) for level in network(torch.rand(2, 3, 32, 64))]
    [(2, 32, 8, 16), (2, 64, 4, 8), (2, 160, 2, 4), (2, 256, 1, 2)]
    """

    keeps_outputs = True
    stage_sites: tuple[str, ...] = (r'stages\.\d+\.norm',)

    def __init__(
        self,
        variant: str | None = None,
        embed_dims: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        num_heads: Sequence[int] = (1, 2, 5, 8),
        sr_ratios: Sequence[int] = (8, 4, 2, 1),
        in_channels: int = 3,
        drop_path_rate: float = 0.1,
        init_cfg: dict | list[dict] | None = None,
        norm_eps: float = 1e-5,
        with_cp: bool = False,
    ) -> None:
        super().__init__(init_cfg)
        dims, depths = _sizes(variant, embed_dims, depths)
        num_heads = _heads(num_heads, dims)
        sr_ratios = checked_levels('sr_ratios', sr_ratios, 2**10)
        real('backbone.drop_path_rate', drop_path_rate, least=0, below=1)
        real('backbone.norm_eps', norm_eps, above=0)
        whole('backbone.in_channels', in_channels, 1, MOST_CHANNELS)
        self.out_channels = dims
        self.drop_paths = _drop_paths(drop_path_rate, depths)
        inputs = (in_channels, *dims[:-1])
        levels = zip(
            inputs,
            dims,
            STRIDES,
            num_heads,
            sr_ratios,
            self.drop_paths,
            strict=True,
        )
        self.stages = nn.ModuleList(
            MiTStage(*level, norm_eps=norm_eps) for level in levels
        )
        if flag('backbone.with_cp', with_cp):
            recompute_blocks(self.stages)

    def init_weights(self) -> None:
        """Draw new weights, then apply ``init_cfg``."""
        init_transformer(self)
        super().init_weights()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps at 1/4, 1/8, 1/16 and 1/32 of (n, c, h, w)."""
        # One layout from here on: no later layer has to copy.
        x = x.contiguous(memory_format=torch.channels_last)
        outs = []
        for stage in self.stages:
            x = stage(x)
            outs.append(x)
        return tuple(outs)


def recompute_blocks(stages: nn.ModuleList) -> None:
    """Let the blocks of stages keep their inputs alone."""
    for stage in stages:
        for block in stage.blocks:
            recompute(block)


def _sizes(
    variant: str | None,
    embed_dims: Sequence[int] | None,
    depths: Sequence[int] | None,
) -> tuple[Sequence[int], Sequence[int]]:
    if variant is None and None not in (embed_dims, depths):
        dims = checked_levels('embed_dims', embed_dims, MOST_CHANNELS)
        return tuple(dims), tuple(checked_levels('depths', depths, 1000, 0))
    if embed_dims is None and depths is None and variant is not None:
        return VARIANTS[choice('backbone.variant', variant, VARIANTS)]
    raise ValueError(
        f'expected either `backbone.variant`, one of {", ".join(VARIANTS)}, '
        f'or `embed_dims` and `depths`, got {variant=}, {embed_dims=}, '
        f'{depths=}'
    )


def _heads(num_heads: Sequence[int], dims: Sequence[int]) -> list[int]:
    heads = checked_levels('num_heads', num_heads, MOST_CHANNELS)
    if any(dim % n for dim, n in zip(dims, heads, strict=True)):
        raise ValueError(
            f'expected heads that divide the widths {list(dims)}, got '
            f'`backbone.num_heads={heads}`'
        )
    return heads


def _drop_paths(rate: float, depths: Sequence[int]) -> list[list[float]]:
    rates = torch.linspace(0, rate, sum(depths), device='cpu')
    return [part.tolist() for part in rates.split(list(depths))]

"""The branch that all modalities but the first share in CMNeXt."""

import functools

import torch
from torch import Tensor, nn

from .mit import patch_conv
from .mspa import MSPABlock


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
        xs: Each modality's map, (n, c, h, w).
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

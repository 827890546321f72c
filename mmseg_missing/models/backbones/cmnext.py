"""CMNeXt: one main stream, one branch for any number of others."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..fusion.rectify import FeatureFusion, FeatureRectification
from ..weight_init import init_transformer
from .extra_stream import ExtraStage, next_inputs
from .mit import MiTStage

# Widths and depths of the Mix Transformers; source: SegFormer, table 6.
VARIANTS = {
    'b0': ((32, 64, 160, 256), (2, 2, 2, 2)),
    'b1': ((64, 128, 320, 512), (2, 2, 2, 2)),
    'b2': ((64, 128, 320, 512), (3, 4, 6, 3)),
    'b3': ((64, 128, 320, 512), (3, 4, 18, 3)),
    'b4': ((64, 128, 320, 512), (3, 8, 27, 3)),
    'b5': ((64, 128, 320, 512), (3, 6, 40, 3)),
}
STRIDES = (4, 2, 2, 2)
EXTRA_MLP_RATIOS = (8, 8, 4, 4)  # source: CMNeXt's code


@MODELS.register_module()
class CMNeXt(BaseModule):
    """Arbitrary-modal backbone; with one modality a Mix Transformer.

    Modalities of fewer than 3 channels are repeated to 3. The first
    modality has its own stream. All others share a branch and its stem;
    one of more than 3 channels gets a stem of its own.

    Args:
        variant: ``'b0'`` to ``'b5'``, or None for the sizes below.
        embed_dims: Channels of the four levels.
        depths: Blocks of the four levels.
        num_heads: Heads of attention and fusion per level.
        sr_ratios: How much coarser keys and values are, per level.
        in_channels: Channels of each modality, the main one first.
        drop_path_rate: Stochastic depth of the last block; 0 at the first.
        init_cfg: MMEngine's; ``dict(type='Pretrained', checkpoint=...)`` with
            a file of ``tools/model_converters/mit2cmnext.py`` loads ImageNet
            weights into the main stream.

    Raises:
        ValueError: If a size does not fit; the message names the key.

    Source: Zhang et al., CMNeXt, CVPR 2023, arXiv:2303.01480.
    """

    def __init__(
        self,
        variant: str | None = None,
        embed_dims: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        num_heads: Sequence[int] = (1, 2, 5, 8),
        sr_ratios: Sequence[int] = (8, 4, 2, 1),
        in_channels: Sequence[int] = (3, 3),
        drop_path_rate: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        dims, depths = _sizes(variant, embed_dims, depths)
        _check_levels(
            embed_dims=dims,
            depths=depths,
            num_heads=num_heads,
            sr_ratios=sr_ratios,
        )
        self.in_channels = _checked_channels(in_channels)
        main, *extras = (max(c, 3) for c in self.in_channels)
        rates = _drop_paths(drop_path_rate, depths)
        inputs = (main, *dims[:3])
        args = zip(
            inputs, dims, STRIDES, num_heads, sr_ratios, rates, strict=True
        )
        self.stages = nn.ModuleList(MiTStage(*level) for level in args)
        if not extras:
            return
        shared = (3, *dims[:3])
        inputs = (extras, *([c] * len(extras) for c in dims[:3]))
        args = zip(
            inputs, shared, dims, STRIDES, EXTRA_MLP_RATIOS, rates, strict=True
        )
        self.extra_stages = nn.ModuleList(ExtraStage(*level) for level in args)
        self.rectify = nn.ModuleList(map(FeatureRectification, dims))
        self.fuse = nn.ModuleList(map(FeatureFusion, dims, num_heads))

    def init_weights(self) -> None:
        """Draw new weights, then apply ``init_cfg``."""
        init_transformer(self)
        super().init_weights()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the fused maps at 1/4, 1/8, 1/16 and 1/32.

        Args:
            x: All modalities, stacked along channels, (n, sum c, h, w).

        Raises:
            ValueError: If the number of channels differs from the stack's.
        """
        x, *extras = self._split(x)
        outs = []
        for level, stage in enumerate(self.stages):
            x = stage(x)
            if not extras:
                outs.append(x)
                continue
            extras, extra = self.extra_stages[level](extras)
            x, extra = self.rectify[level](x, extra)
            outs.append(self.fuse[level](x, extra))
            extras = next_inputs(extras, extra)
        return tuple(outs)

    def _split(self, x: Tensor) -> list[Tensor]:
        if x.shape[1] != sum(self.in_channels):
            raise ValueError(
                f'CMNeXt expects {sum(self.in_channels)} channels for '
                f'`in_channels={self.in_channels}`, got {x.shape[1]}; '
                f'check `backbone.in_channels`'
            )
        # One layout from here on: no later layer has to copy.
        parts = torch.split(x, self.in_channels, 1)
        return [
            _repeat(part).contiguous(memory_format=torch.channels_last)
            for part in parts
        ]


def _repeat(x: Tensor) -> Tensor:
    """Repeat the channels of (n, c, h, w) in turn up to at least 3."""
    c = x.shape[1]
    return x if c >= 3 else x[:, [i % c for i in range(3)]]


def _sizes(
    variant: str | None,
    embed_dims: Sequence[int] | None,
    depths: Sequence[int] | None,
) -> tuple[Sequence[int], Sequence[int]]:
    if variant is None and embed_dims and depths:
        return tuple(embed_dims), tuple(depths)
    if variant in VARIANTS and not embed_dims and not depths:
        return VARIANTS[variant]
    raise ValueError(
        f'CMNeXt takes either `variant`, one of {", ".join(VARIANTS)}, or '
        f'`embed_dims` and `depths`, got {variant=}, {embed_dims=}, {depths=}'
    )


def _check_levels(**sizes: Sequence[int]) -> None:
    for key, values in sizes.items():
        if len(values) != len(STRIDES):
            raise ValueError(
                f'CMNeXt has {len(STRIDES)} levels, got '
                f'`backbone.{key}={list(values)}`'
            )
    pairs = zip(sizes['embed_dims'], sizes['num_heads'], strict=True)
    if any(dim % heads for dim, heads in pairs):
        raise ValueError(
            f'CMNeXt needs heads that divide the widths '
            f'{list(sizes["embed_dims"])}, got '
            f'`backbone.num_heads={list(sizes["num_heads"])}`'
        )


def _checked_channels(in_channels: Sequence[int]) -> list[int]:
    if not in_channels or min(in_channels) < 1:
        raise ValueError(
            'CMNeXt needs modalities of at least one channel, got '
            f'`backbone.in_channels={list(in_channels)}`'
        )
    return list(in_channels)


def _drop_paths(rate: float, depths: Sequence[int]) -> list[list[float]]:
    rates = torch.linspace(0, rate, sum(depths), device='cpu')
    return [part.tolist() for part in rates.split(list(depths))]

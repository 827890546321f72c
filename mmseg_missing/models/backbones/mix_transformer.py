"""The Mix Transformer as a backbone for one image."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...values import choice, real, whole
from ..weight_init import init_transformer
from .mit import MiTStage
from .split import MOST_CHANNELS, checked_levels

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
            takes a file of ``tools/model_converters/mit2cmnext.py``.
        norm_eps: Of the norms in the blocks and after them; 1e-6 in the code
            of SegFormer and CMX, 1e-5 in CMNeXt's.

    Raises:
        ValueError: If a size does not fit; the message names the key.

    Source: Xie et al., SegFormer, NeurIPS 2021, arXiv:2105.15203.
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

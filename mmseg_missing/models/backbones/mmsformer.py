"""MMSFormer: one Mix Transformer per modality, fused level by level."""

from collections.abc import Sequence
from functools import partial

from mmengine.model import BaseModule, ModuleList
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..fusion.multi_scale import MultiScaleFusion
from ..utils.constant_streams import ConstantStreams
from ..utils.first_conv import fitted_loading
from ..utils.split import (
    MOST_CHANNELS,
    checked_channels,
    checked_levels,
    split_stack,
)
from ..utils.transformer import init_transformer
from .mix_transformer import MixTransformer


@MODELS.register_module()
class MMSFormer(BaseModule):
    """Backbone for any number of modalities; of one, a Mix Transformer.

    The streams know nothing of each other, only the outputs of their levels
    are fused. Modalities of fewer than 3 channels are repeated to 3.

    Args:
        variant: ``'b0'`` to ``'b5'`` for the main stream, or None for the
            sizes below. Published: B2 for MCubeS, B3 for FMB, B4 for PST900.
        embed_dims: Channels of the four levels.
        depths: Blocks of the four levels of the main stream.
        extra_embed_dims: Channels of the four levels in the other streams;
            None, as published: the main stream's.
        extra_depths: Blocks of the four levels of each other stream;
            published: those of B1.
        num_heads: Heads of the attention per level.
        sr_ratios: How much coarser keys and values are, per level.
        in_channels: Channels of each modality, the main one first.
        drop_path_rate: Stochastic depth of each stream's last block; 0 at
            the first.
        init_cfg: Initialisation of the main stream, see
            :class:`MixTransformer`. ImageNet weights are fitted to modalities
            of more than 3 channels.
        extra_init_cfg: Initialisation of each other stream.
        with_cp: See :class:`MixTransformer`.

    Raises:
        ValueError: If a size does not fit; the message names the key.

    Source: Reza et al., MMSFormer, OJSP 2024, arXiv:2309.04001; sizes from
    its code of January 2024.

    >>> network = MMSFormer('b0', in_channels=(3, 1)).eval()
    >>> [tuple(level.shape) for level in network(torch.rand(2, 4, 32, 64))]
    [(2, 32, 8, 16), (2, 64, 4, 8), (2, 160, 2, 4), (2, 256, 1, 2)]
    """

    keeps_outputs = True

    def __init__(
        self,
        variant: str | None = None,
        embed_dims: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        extra_embed_dims: Sequence[int] | None = None,
        extra_depths: Sequence[int] = (2, 2, 2, 2),
        num_heads: Sequence[int] = (1, 2, 5, 8),
        sr_ratios: Sequence[int] = (8, 4, 2, 1),
        in_channels: Sequence[int] = (3, 3),
        drop_path_rate: float = 0.1,
        init_cfg: dict | list[dict] | None = None,
        extra_init_cfg: dict | list[dict] | None = None,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels = checked_channels(in_channels)
        self.constant = ConstantStreams()
        build = partial(
            MixTransformer,
            num_heads=num_heads,
            sr_ratios=sr_ratios,
            drop_path_rate=drop_path_rate,
            with_cp=with_cp,
        )
        first, *others = (max(c, 3) for c in self.in_channels)
        main = build(
            variant, embed_dims, depths, in_channels=first, init_cfg=init_cfg
        )
        self.out_channels = main.out_channels
        dims = main.out_channels
        if extra_embed_dims is not None:
            dims = checked_levels(
                'extra_embed_dims', extra_embed_dims, MOST_CHANNELS
            )
        extra_depths = checked_levels('extra_depths', extra_depths, 1000, 0)
        extra = partial(
            build, None, dims, extra_depths, init_cfg=extra_init_cfg
        )
        extras = [extra(in_channels=c) for c in others]
        self.streams = ModuleList([main, *extras])
        if extras:
            levels = zip(*(s.out_channels for s in self.streams), strict=True)
            self.fuse = nn.ModuleList(
                MultiScaleFusion(widths[0], len(widths), widths)
                for widths in levels
            )

    def init_weights(self) -> None:
        """Draw new weights, then apply ``init_cfg`` stream by stream."""
        init_transformer(self)
        with fitted_loading(s.stages[0].embed.proj for s in self.streams):
            super().init_weights()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the fused maps at 1/4, 1/8, 1/16 and 1/32.

        Args:
            x: All modalities, stacked along channels, (n, sum c, h, w).

        Raises:
            ValueError: If the number of channels differs from the stack's.
        """
        xs = split_stack(x, self.in_channels, 'MMSFormer')
        outs = [
            self.constant.run([stream], [modality], xs[modality])
            for modality, stream in enumerate(self.streams)
        ]
        if len(outs) == 1:
            return outs[0]
        levels = zip(self.fuse, zip(*outs, strict=True), strict=True)
        return tuple(fuse(list(level)) for fuse, level in levels)

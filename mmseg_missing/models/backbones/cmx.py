"""CMX: two equal streams that correct each other level by level."""

import itertools
from collections.abc import Sequence

from mmengine.model import BaseModule, ModuleList
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...values import listed
from ..fusion.rectify import FeatureFusion, FeatureRectification
from ..utils.constant_streams import ConstantStreams
from ..utils.first_conv import fitted_loading
from ..utils.split import checked_channels, split_stack
from ..utils.transformer import init_transformer
from .mix_transformer import MixTransformer


@MODELS.register_module()
class CMX(BaseModule):
    """Backbone for RGB and one other input; for one, a Mix Transformer.

    At every level both streams correct each other and go on corrected; what
    leaves the backbone is their fusion. An input of fewer than 3 channels is
    repeated to 3.

    Args:
        variant: ``'b0'`` to ``'b5'``, or None for the sizes below.
        embed_dims: Channels of the four levels.
        depths: Blocks of the four levels, in each stream.
        num_heads: Heads of attention and fusion per level.
        sr_ratios: How much coarser keys and values are, per level.
        in_channels: Channels of each modality. A list among them, such as
            ``[1, 1]``, is one input: modalities that share a stream as
            channels of one image.
        drop_path_rate: Stochastic depth of the last block; 0 at the first.
        init_cfg: Initialisation of each stream, see :class:`MixTransformer`:
            as published, both start from the same ImageNet weights. They are
            fitted to inputs of more than 3 channels.
        norm_eps: See :class:`MixTransformer`.
        with_cp: See :class:`MixTransformer`.

    Raises:
        ValueError: If a size does not fit; the message names the key.

    Source: Zhang et al., CMX, T-ITS 2023, arXiv:2203.04838; epsilon from its
    code.

    >>> network = CMX(
    ...     embed_dims=(8, 16, 24, 32),
    ...     depths=(1, 1, 1, 1),
    ...     num_heads=(1, 2, 3, 4),
    ...     in_channels=(3, 1),
    ... )
    >>> [tuple(level.shape) for level in network(torch.rand(2, 4, 32, 64))]
    [(2, 8, 8, 16), (2, 16, 4, 8), (2, 24, 2, 4), (2, 32, 1, 2)]
    """

    keeps_outputs = True
    # Where stages end, for adapters behind stages; the streams name theirs.
    stage_sites = (r'fuse\.\d+\.norm',)

    def __init__(
        self,
        variant: str | None = None,
        embed_dims: Sequence[int] | None = None,
        depths: Sequence[int] | None = None,
        num_heads: Sequence[int] = (1, 2, 5, 8),
        sr_ratios: Sequence[int] = (8, 4, 2, 1),
        in_channels: Sequence[int | Sequence[int]] = (3, 3),
        drop_path_rate: float = 0.1,
        init_cfg: dict | list[dict] | None = None,
        norm_eps: float = 1e-6,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        groups = _groups(in_channels)
        self.in_channels = list(map(sum, groups))
        count = itertools.count()
        self._modalities = [[next(count) for _ in group] for group in groups]
        self.constant = ConstantStreams()
        self.streams = ModuleList(
            MixTransformer(
                variant,
                embed_dims,
                depths,
                num_heads,
                sr_ratios,
                max(channels, 3),
                drop_path_rate,
                init_cfg,
                norm_eps,
                with_cp,
            )
            for channels in self.in_channels
        )
        self.out_channels = self.streams[0].out_channels
        if len(self.streams) == 2:
            dims = self.out_channels
            self.rectify = nn.ModuleList(map(FeatureRectification, dims))
            self.fuse = nn.ModuleList(map(FeatureFusion, dims, num_heads))

    def init_weights(self) -> None:
        """Draw new weights, then apply ``init_cfg`` to each stream."""
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
        xs = split_stack(x, self.in_channels, 'CMX')
        if len(xs) == 1:
            return self.streams[0](*xs)
        outs = []
        for level, rectify in enumerate(self.rectify):
            xs = [self._stage(i, level, x) for i, x in enumerate(xs)]
            xs = rectify(*xs)
            outs.append(self.fuse[level](*xs))
        return tuple(outs)

    def _stage(self, stream: int, level: int, x: Tensor) -> Tensor:
        stage = self.streams[stream].stages[level]
        if level:
            return stage(x)
        return self.constant.run([stage], self._modalities[stream], x)


def _groups(in_channels: Sequence[int | Sequence[int]]) -> list[list[int]]:
    """Return the channels of the modalities of each input."""
    key = 'backbone.in_channels'
    groups = [
        checked_channels(
            group if isinstance(group, (list, tuple)) else [group]
        )
        for group in listed(key, in_channels)
    ]
    if len(groups) not in (1, 2):
        raise ValueError(
            f'CMX has one input or two, got `{key}={list(in_channels)}`; '
            'modalities that share one are a list in it'
        )
    return groups

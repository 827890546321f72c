"""CMNeXt: one main stream, one branch for any number of others."""

from collections.abc import Sequence

from mmseg.registry import MODELS
from torch import Tensor, nn

from ..constant_streams import ConstantStreams
from ..fusion.rectify import FeatureFusion, FeatureRectification
from .extra_stream import ExtraStage, next_inputs
from .mix_transformer import STRIDES, MixTransformer
from .split import checked_channels, split_stack

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

    Raises:
        ValueError: If a size does not fit; the message names the key.

    Source: Zhang et al., CMNeXt, CVPR 2023, arXiv:2303.01480.
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
        )
        self.in_channels = channels
        self.constant = ConstantStreams()
        if extras:
            self._add_branch(extras, num_heads)

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

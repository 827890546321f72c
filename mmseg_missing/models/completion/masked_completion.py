"""A masked autoencoder over modalities, beside the network that it feeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...values import naming, real, settings, whole
from ..imputers import FillGenerator
from ..imputers.generators import start_anywhere
from ..losses.ranks import mean_over_ranks
from .co_distillation import CoDistillation
from .feature_moments import FeatureMoments

KEY = 'model.completion'


@MODELS.register_module()
class MaskedCompletion(nn.Module):
    """Completes what is absent, and learns it from what it hides.

    In a training step whole modalities are hidden from what a sample really
    has (the draw of the sampler) and patches from what remains. One decoder
    predicts all that is hidden,

        L = weight * mean over hidden pixels of (x' - x)^2,

    in the space after normalisation. What a sample lacks itself is neither
    read nor counted, so incomplete samples train it as well. The network
    learns its labels on the completed input, whose gradient reaches the
    decoder too; no patch is hidden from it. In a test the same decoder
    completes what is absent, and what has everything stays as it is, bit for
    bit.

    Args:
        generator: The decoder of all modalities.
        num_classes: Number of classes of the segmentor.
        channels: Channels of the streams' levels, None where the backbone
            shows none.
        ratio: Share of the patches that is hidden, in [0, 1).
        patch: Side of a patch, in pixels.
        weight: Weight of the reconstruction beside the losses of the labels.
        alone: So many training steps train the decoder alone, before the
            network joins; 0: together from the first.
        distribution: Settings of :class:`FeatureMoments`, by which samples
            whose modality never existed train the decoder; None: they do by
            their labels and patches alone.
        distillation: Settings of :class:`CoDistillation` between the
            network on completed input and on what is there; None: none.

    Raises:
        TypeError: a value of a wrong kind.
        ValueError: one out of range.

    Source: after Zhao et al., arXiv:2406.01987, whose abstract was known:
    missing modalities and masked patches reconstructed together, a
    distribution approximation for incomplete samples, co-distillation
    between data and model. Not known of the paper were its networks, what is
    approximated by which distance, its masking ratio and its weights; those
    here are this project's.
    """

    def __init__(
        self,
        generator: FillGenerator,
        num_classes: int,
        channels: list[int] | None = None,
        ratio: float = 0.5,
        patch: int = 8,
        weight: float = 1.0,
        alone: int = 0,
        distribution: Mapping[str, Any] | None = None,
        distillation: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.generator = start_anywhere(generator)
        self.ratio = real(f'{KEY}.ratio', ratio, least=0, below=1)
        self.patch = whole(f'{KEY}.patch', patch, 1)
        self.weight = real(f'{KEY}.weight', weight, least=0)
        self.alone = whole(f'{KEY}.alone', alone, 0)
        self.distribution = self.distillation = None
        if distribution is not None:
            given = settings(f'{KEY}.distribution', distribution)
            if channels is None:
                raise ValueError(
                    f'`{KEY}.distribution` compares features of single '
                    'streams; take `MultiStreamBackbone` or '
                    '`SharedStreamBackbone`, or leave it out'
                )
            own = len(generator.stack), num_classes, channels
            with naming(f'{KEY}.distribution'):
                self.distribution = FeatureMoments(*own, **given)
        if distillation is not None:
            given = settings(f'{KEY}.distillation', distillation)
            with naming(f'{KEY}.distillation'):
                self.distillation = CoDistillation(**given)

    def reconstruct(
        self, known: Tensor, there: Tensor, filled: Tensor, shown: Tensor
    ) -> dict[str, Tensor]:
        """Return the loss of what is hidden and known.

        Args:
            known: (n, sum C, h, w), what the samples really have.
            there: (n, M) bool, of that.
            filled: (n, sum C, h, w), with the usual fill of what is hidden.
            shown: (n, M) bool, the draw of what is there.
        """
        split = self.generator.by_channel
        shown = shown.to(known.device)[:, :, None, None]
        visible = shown & ~self._patches(shown, known.shape[2:])
        start = torch.where(split(shown & ~visible), 0.0, filled)
        found = self.generator(start, there, visible=visible)
        hidden = self.generator.measured(known, there) & ~visible
        hidden = split(hidden)
        error = torch.where(hidden, found.float() - known.float(), 0.0)
        count = mean_over_ranks(hidden.sum(), known.device)
        loss = error.square().sum() / (count + (count == 0))
        return {'completion.loss_mse': self.weight * loss}

    def _patches(self, shown: Tensor, size: torch.Size) -> Tensor:
        """Return (n, M, h, w) bool: what a draw of patches hides.

        From torch's own generator on the CPU, which checkpoints keep.
        """
        grid = [-(-side // self.patch) for side in size]
        hidden = torch.rand(*shown.shape[:2], *grid) < self.ratio
        hidden = hidden.to(shown.device)
        for dim in (2, 3):
            hidden = hidden.repeat_interleave(self.patch, dim)
        return hidden[:, :, : size[0], : size[1]]

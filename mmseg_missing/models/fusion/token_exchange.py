"""Fusion that replaces what a stream finds uninformative."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...values import probability, real
from ..utils.side_losses import ask_for_loss
from ..utils.transformer import map_to_tokens, tokens_to_map


class TokenScore(nn.Sequential):
    """How informative each position of one stream is, in (0, 1).

    Args:
        dim: Channels of the stream.

    Source: class ``PredictorLG`` in the code of TokenFusion.
    """

    def __init__(self, dim: int) -> None:
        half, quarter = max(dim // 2, 1), max(dim // 4, 1)
        super().__init__(
            nn.LayerNorm(dim),
            nn.Linear(dim, dim),
            nn.GELU(),
            nn.Linear(dim, half),
            nn.GELU(),
            nn.Linear(half, quarter),
            nn.GELU(),
            nn.Linear(quarter, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, 1, h, w)."""
        scores = super().forward(map_to_tokens(x)).softmax(2)[..., :1]
        return tokens_to_map(scores, x.shape[2:])


@MODELS.register_module()
class TokenExchangeFusion(nn.Module):
    """Each stream scores its positions and gives up those below a threshold.

    A stream is multiplied by its score; where that is below the threshold,
    the mean of the other streams, multiplied by theirs, takes its place. The
    result is the mean of the streams. Scores do not look at ``present``: an
    absent modality is one more uninformative input.

    What differs from TokenFusion: there tokens move between the blocks of
    one encoder with shared weights, here on each level, where streams meet;
    there each stream is decoded and the logits are averaged.

    In training a :class:`MissingModalitySegmentor` adds ``loss_sparsity``;
    without that hardly any score falls below the threshold.

    Args:
        dim: Channels of each stream and of the result.
        num_streams: Number of streams; one is scored and stays.
        threshold: Threshold of the score.
        sparsity: Weight of the scores' L1 norm, summed over positions and
            streams. The published code sums over a batch of 6, times 1e-6.

    Source: Wang et al., TokenFusion, CVPR 2022, arXiv:2204.08721; numbers
    from its code (``semantic_segmentation``).

    >>> maps = [torch.rand(2, 8, 5, 7) for _ in 'ab']
    >>> TokenExchangeFusion(dim=8, num_streams=2)(maps).shape
    torch.Size([2, 8, 5, 7])
    """

    keeps_outputs = True

    def __init__(
        self,
        dim: int,
        num_streams: int,
        threshold: float = 0.02,
        sparsity: float = 6e-6,
    ) -> None:
        super().__init__()
        key = 'backbone.fusion'
        self.threshold = probability(f'{key}.threshold', threshold)
        self.sparsity = real(f'{key}.sparsity', sparsity, least=0)
        self.scores = nn.ModuleList(
            TokenScore(dim) for _ in range(num_streams)
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return one map of ``num_streams`` maps (n, c, h, w)."""
        pairs = zip(self.scores, features, strict=True)
        scores = torch.stack([score(x) for score, x in pairs])
        if self.training:
            total = scores.sum() / scores.shape[1]  # scores are positive
            ask_for_loss('loss_sparsity', self.sparsity * total)
        scaled = scores * torch.stack(features)  # (m, n, c, h, w)
        if len(features) == 1:
            return scaled[0]
        others = (scaled.sum(0) - scaled) / (len(features) - 1)
        return torch.where(scores < self.threshold, others, scaled).mean(0)

"""What real features of a class are like, for those of completed input."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from torch import Tensor, nn

from ...values import real, whole
from ..losses.distillation import LEAST_SPREAD
from ..utils.stream_levels import Shown

KEY = 'model.completion.distribution'
EPS = 1e-6


class FeatureMoments(nn.Module):
    """Running moments per modality and class, and the distance from them.

    Of each stream's features at one level, mean m and deviation s are kept
    per class and channel, from samples that show the modality. Where a
    sample never had it, the completed input gives features of mean m' and
    deviation s' per class, and

        L = weight * mean over modalities and classes, mean over channels of
            (m' - m)^2 / (2 s^2) + eta (log(s / s') + s'^2 / (2 s^2) - 1/2).

    Only classes with enough labelled positions in the batch count. m and s
    get no gradient; that of m' reaches the decoder and the stream. Processes
    gather m and s together, each has its own m'.

    Args:
        num_streams: Modalities.
        num_classes: Classes.
        channels: Channels of the levels of a stream.
        level: Which of them.
        momentum: How much of a moment stays in a step, in [0, 1).
        least: Positions that a class needs.
        eta: Share of the spread; a prediction is a conditional mean, which
            varies less than what it predicts, so it should stay 0 or small.
        weight: Weight of the whole.

    Raises:
        TypeError: a value of a wrong kind.
        ValueError: one out of range.

    Source: after the distribution approximation of Zhao et al.,
    arXiv:2406.01987; which distribution and which distance are theirs was
    not known.
    """

    mean: Tensor
    variance: Tensor
    known: Tensor

    def __init__(
        self,
        num_streams: int,
        num_classes: int,
        channels: Sequence[int],
        level: int = 0,
        momentum: float = 0.99,
        least: int = 64,
        eta: float = 0.0,
        weight: float = 0.1,
    ) -> None:
        super().__init__()
        self.level = whole(f'{KEY}.level', level, 0, len(channels) - 1)
        self.momentum = real(f'{KEY}.momentum', momentum, least=0, below=1)
        self.least = whole(f'{KEY}.least', least, 2)
        self.eta = real(f'{KEY}.eta', eta, least=0)
        self.weight = real(f'{KEY}.weight', weight, least=0)
        size = num_streams, num_classes, channels[level]
        self.register_buffer('mean', torch.zeros(size))
        self.register_buffer('variance', torch.ones(size))
        self.register_buffer('known', torch.zeros(size[:2], dtype=torch.bool))

    def forward(
        self,
        streams: Sequence[Shown],
        there: Tensor,
        shown: Tensor,
        labels: Tensor,
    ) -> Tensor:
        """Return the weighted loss, and let the moments follow.

        Args:
            streams: What the backbone made of its input; of the samples in
                it the first n, on completed input, count.
            there: (n, M) bool on the CPU, what these really have.
            shown: (n, M) bool, what of it they showed.
            labels: (n, H, W), something else than a class where none is.
        """
        true = self.mean.new_zeros(*self.known.shape, self._width)
        lost = [self.mean.new_zeros(())]
        for m, rows, levels in streams:
            rows = [i for i in rows if i < len(there)]
            level = levels[self.level][: len(rows)]
            with torch.autocast(level.device.type, enabled=False):
                sums = self._sums(level.float(), labels[rows])
                true[m] = sums[shown[rows, m]].sum(0).detach()
                lost += self._distances(sums[~there[rows, m]].sum(0), m)
        if torch.is_grad_enabled():
            self._follow(true)
        return self.weight * torch.stack(lost).sum() / max(len(lost) - 1, 1)

    @property
    def _width(self) -> int:
        """How many numbers are gathered of a class."""
        return 1 + 2 * self.mean.shape[2]

    def _sums(self, level: Tensor, labels: Tensor) -> Tensor:
        """Return (r, K, 1 + 2 c): positions, sums and sums of squares.

        Args:
            level: (r, c, h, w).
            labels: (r, H, W).
        """
        nearest = F.interpolate(
            labels[:, None].float(), level.shape[2:], mode='nearest-exact'
        )
        classes = torch.arange(self.known.shape[1], device=level.device)
        is_class = nearest.flatten(1)[:, None] == classes[:, None]
        x = level.flatten(2).mT  # (r, h w, c)
        x = torch.cat([torch.ones_like(x[..., :1]), x, x.square()], 2)
        return is_class.to(x) @ x

    def _distances(self, sums: Tensor, m: int) -> list[Tensor]:
        """Return what each class of a completed modality is off.

        Args:
            sums: (K, 1 + 2 c).
            m: The modality.
        """
        chosen = (sums[:, 0] >= self.least) & self.known[m]
        mean, variance = _moments(sums[chosen])
        floor = LEAST_SPREAD * self.variance[m, chosen].sqrt().mean(1)
        true = self.variance[m, chosen].clamp_min(EPS)
        true = true.maximum(floor[:, None].square())
        each = (mean - self.mean[m, chosen]).square() / (2 * true)
        if self.eta:
            ratio = variance.clamp_min(EPS) / true
            each = each + self.eta * (ratio - ratio.log() - 1) / 2
        return list(each.mean(1))

    @torch.no_grad()
    def _follow(self, sums: Tensor) -> None:
        """Let the moments follow what all processes saw, (M, K, 1 + 2 c)."""
        all_reduce(sums)
        told = sums[..., 0] >= self.least
        for kept, found in zip((self.mean, self.variance), _moments(sums)):
            moved = kept.lerp(found, 1 - self.momentum)
            moved = torch.where(self.known[..., None], moved, found)
            kept.copy_(torch.where(told[..., None], moved, kept))
        self.known |= told


def _moments(sums: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance (..., c) of sums (..., 1 + 2 c)."""
    count, total, square = sums.split(
        [1, sums.shape[-1] // 2, sums.shape[-1] // 2], -1
    )
    count = count.clamp_min(1)
    mean = total / count
    return mean, (square / count - mean.square()).clamp_min(0)

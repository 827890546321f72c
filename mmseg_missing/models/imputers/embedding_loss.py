"""How far predicted features are from those that were not shown."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...values import real, settings

KEY = 'model.imputer.loss'
TERMS = ('invariance', 'variance', 'covariance')
# Positions of all images that a level is compared at.
POSITIONS = 1024
# In a standard deviation, whose gradient is infinite at zero.
EPS = 1e-4


class EmbeddingLoss:
    """Joint-embedding loss between predictions and a frozen target.

    On standardised features, with d channels and z the target:

        invariance * MSE(z', z)
        + variance * mean_c relu(1 - std(z'_c))
        + covariance * |offdiag(Cov z' - Cov z)|^2 / d

    A frozen target cannot collapse, so the last two terms are off unless
    they are asked for; then the first should not dwarf them (25 : 25 : 1).

    Args:
        invariance: Weight of the distance; 0.05 beside labels, 1 without.
        variance: Weight of what keeps channels from shrinking.
        covariance: Weight of what makes channels vary together as those of
            the target do.

    Raises:
        ValueError: a negative weight.

    Source: Bardes et al., VICReg, ICLR 2022, arXiv:2105.04906; against the
    target's covariance instead of none, because the target stays as it is.

    >>> x = torch.rand(8, 16)
    >>> EmbeddingLoss()(x, x)  # the same: 0
    tensor(0.)
    """

    def __init__(
        self,
        invariance: float = 1.0,
        variance: float = 0.0,
        covariance: float = 0.0,
    ) -> None:
        self.invariance = real(f'{KEY}.invariance', invariance, 0)
        self.variance = real(f'{KEY}.variance', variance, 0)
        self.covariance = real(f'{KEY}.covariance', covariance, 0)

    @classmethod
    def parse(cls, given: Any) -> EmbeddingLoss | None:
        """Return the loss of a config; None: there is none.

        Raises:
            TypeError: no dict of numbers.
            ValueError: another term.
        """
        if given is None:
            return None
        weights = settings(KEY, given)
        strange = sorted(set(weights) - set(TERMS))
        if strange:
            raise ValueError(
                f'`{KEY}` takes {", ".join(TERMS)}, got also '
                f'{", ".join(strange)}'
            )
        return cls(**weights)

    def __call__(self, found: Tensor, true: Tensor) -> Tensor:
        """Return a scalar.

        Args:
            found: (p, d) predictions at p positions, standardised.
            true: (p, d), no gradient reaches it.
        """
        with torch.autocast(found.device.type, enabled=False):
            return self._sum(found.float(), true.detach().float())

    def _sum(self, found: Tensor, true: Tensor) -> Tensor:
        loss = self.invariance * F.mse_loss(found, true)
        if self.variance:
            std = (found.var(0, unbiased=False) + EPS).sqrt()
            loss = loss + self.variance * (1 - std).relu().mean()
        if self.covariance:
            apart = _covariance(found) - _covariance(true)
            apart = apart - apart.diagonal().diag()
            square = apart.square().sum() / len(apart)
            loss = loss + self.covariance * square
        return loss


def _covariance(x: Tensor) -> Tensor:
    """Return (d, d) of (p, d)."""
    x = x - x.mean(0)
    return x.T @ x / len(x)


def sampled(maps: list[Tensor]) -> list[Tensor]:
    """Return (p, d) of each map (n, d, h, w), at the same positions.

    At most ``POSITIONS`` of them, drawn from torch's own generator on the
    CPU, which checkpoints keep.
    """
    flat = [x.movedim(1, -1).flatten(0, -2) for x in maps]
    if len(flat[0]) <= POSITIONS:
        return flat
    chosen = torch.randperm(len(flat[0]))[:POSITIONS].to(flat[0].device)
    return [x[chosen] for x in flat]

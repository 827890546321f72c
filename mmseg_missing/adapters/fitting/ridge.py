"""Linear maps between streams, from one pass over complete images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# Positions of an image and level that are looked at.
POSITIONS = 1024
# Pull of the maps towards zero, relative to the variance of a channel.
PENALTY = 1e-2


class StreamMoments:
    """First and second moments of all channels of all streams at a level.

    Args:
        generator: Draws the positions that are looked at.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator
        self._count = 0
        self._sum: Tensor | float = 0.0
        self._product: Tensor | float = 0.0

    def see(self, maps: Sequence[Tensor]) -> None:
        """Add the maps (n, c, h, w) of every stream for the same images."""
        x = torch.stack([m.flatten(2) for m in maps], 1)  # (n, M, c, h w)
        size = x.shape[-1]
        if size > POSITIONS:
            chosen = torch.randperm(size, generator=self._generator)
            x = x[..., chosen[:POSITIONS].to(x.device)]
        x = x.movedim(3, 1).flatten(0, 1).flatten(1).double()
        self._count += len(x)
        self._sum = self._sum + x.sum(0).cpu()
        self._product = self._product + (x.T @ x).cpu()

    def statistics(self, num_streams: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return means and deviations (M, c), and correlations.

        Returns:
            Mean (M, c), standard deviation (M, c), correlation (M c, M c).

        Raises:
            ValueError: nothing was seen.
        """
        if not self._count:
            raise ValueError('there is no batch of complete samples to fit on')
        mean = torch.as_tensor(self._sum) / self._count
        second = torch.as_tensor(self._product) / self._count
        covariance = second - torch.outer(mean, mean)
        # A channel that never changes is predicted by its mean.
        std = covariance.diagonal().clamp_min(0).sqrt()
        std = torch.where(std > 1e-6 * (1 + mean.abs()), std, 1.0)
        correlation = covariance / torch.outer(std, std)
        shape = num_streams, -1
        return mean.view(shape), std.view(shape), correlation


def ridge_maps(
    correlation: Tensor, num_streams: int, penalty: float = PENALTY
) -> Tensor:
    """Return the best linear map from each stream to each other.

    W = C_ji (C_ii + penalty I)^-1 on standardised features.

    Args:
        correlation: (M c, M c).
        num_streams: M.
        penalty: Of the maps.

    Returns:
        (M, M, c, c): ``maps[i, j]`` takes features of stream i, as rows from
        the left, to those of stream j; zero from a stream to itself.
    """
    m, c = num_streams, len(correlation) // num_streams
    blocks = correlation.view(m, c, m, c)
    maps = torch.zeros(m, m, c, c, dtype=correlation.dtype)
    eye = torch.eye(c, dtype=correlation.dtype)
    for i in range(m):
        own = blocks[i, :, i] + penalty * eye
        for j in range(m):
            if i != j:
                maps[i, j] = torch.linalg.solve(own, blocks[i, :, j])
    return maps


def explained(correlation: Tensor, maps: Tensor) -> Tensor:
    """Return (M, M): the share of variance that a map explains, R^2.

    Args:
        correlation: (M c, M c) of standardised features.
        maps: (M, M, c, c), see :func:`ridge_maps`.
    """
    m, c = len(maps), maps.shape[-1]
    blocks = correlation.view(m, c, m, c)
    shares = torch.zeros(m, m, dtype=correlation.dtype)
    for i in range(m):
        for j in range(m):
            w = maps[i, j]
            with_target = (w * blocks[i, :, j]).sum()
            own = (w * (blocks[i, :, i] @ w)).sum()
            total = blocks[j, :, j].diagonal().sum().clamp_min(1e-12)
            shares[i, j] = (2 * with_target - own) / total
    return shares

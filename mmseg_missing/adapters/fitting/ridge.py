"""Linear maps between streams, from one pass over images."""

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

    Of each pair of streams over the images that have both, so that images
    which lack some count for the others.

    Args:
        generator: Draws the positions that are looked at.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator
        # By pair: positions, sums of the first, products.
        self._counts: Tensor | float = 0.0
        self._sums: Tensor | float = 0.0
        self._products: Tensor | float = 0.0

    def see(
        self, maps: Sequence[Tensor], present: Tensor | None = None
    ) -> None:
        """Add the maps (n, c, h, w) of every stream for the same images.

        Args:
            maps: Maps of all streams; those of absent ones hold anything.
            present: (n, M) bool; default: every image has everything.
        """
        x = torch.stack([m.flatten(2) for m in maps], 1)  # (n, M, c, h w)
        size = x.shape[-1]
        if size > POSITIONS:
            chosen = torch.randperm(size, generator=self._generator)
            x = x[..., chosen[:POSITIONS].to(x.device)]
        x = x.movedim(3, 1).double()  # (n, p, M, c)
        there = torch.ones(x.shape[0], x.shape[2], device=x.device).double()
        if present is not None:
            there = present.to(there)
            x = torch.where(there[:, None, :, None] > 0, x, 0.0)
        flat, positions = x.flatten(0, 1).flatten(1), x.shape[1]
        sums = torch.einsum('npic,nj->ijc', x, there)
        self._counts = self._counts + positions * (there.T @ there).cpu()
        self._sums = self._sums + sums.cpu()
        self._products = self._products + (flat.T @ flat).cpu()

    def statistics(self, num_streams: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return means and deviations (M, c), and correlations.

        Streams that were never seen together are not correlated.

        Returns:
            Mean (M, c), standard deviation (M, c), correlation (M c, M c).

        Raises:
            ValueError: nothing was seen, or a stream never with another.
        """
        m, counts = num_streams, torch.as_tensor(self._counts)
        if not counts.any():
            raise ValueError('there is no batch of complete samples to fit on')
        together = counts - counts.diagonal().diag()
        if not together.any(0).all():
            raise ValueError(
                'a modality is together with another in none of the images '
                'to fit on; take more of them (--batches or `init_batches`), '
                'or lower `absence` of the data set'
            )
        counts = counts.clamp_min(1)
        means = torch.as_tensor(self._sums) / counts[:, :, None]  # (M, M, c)
        c = means.shape[2]
        second = torch.as_tensor(self._products).view(m, c, m, c)
        covariance = second / counts[:, None, :, None]
        covariance -= torch.einsum('ijc,jid->icjd', means, means)
        covariance = covariance.view(m * c, m * c)
        mean = means.diagonal().T.flatten()
        # A channel that never changes is predicted by its mean.
        std = covariance.diagonal().clamp_min(0).sqrt()
        std = torch.where(std > 1e-6 * (1 + mean.abs()), std, 1.0)
        correlation = covariance / torch.outer(std, std)
        return mean.view(m, -1), std.view(m, -1), correlation


def ridge_maps(
    correlation: Tensor, num_streams: int, penalty: float = PENALTY
) -> Tensor:
    """Return the best linear map from each stream to each other.

    W = C_ji (C_ii + penalty I)^-1 on standardised features.

    Args:
        correlation: (M c, M c).
        num_streams: M.
        penalty: Ridge penalty of the maps.

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

"""What is measured of each image, cheap beside a forward.

Everything looks at normalised inputs and, but for displacements, at a strided
subsample of at most about 48 rows, so that the cost hardly grows with the
image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ..modality import Stack
from .stems import Stem

ROWS = 48
STEM_ROWS = 24
# Differences below it, in standard deviations of training, count as none.
LEAST = 0.03
# Displacements are looked for up to this share of the height.
REACH = 0.06
REGISTERED_ROWS = 96


def stride_of(x: Tensor, rows: int = ROWS) -> int:
    """Return every which row and column is looked at."""
    return -(-x.shape[-2] // rows)


def picture_numbers(x: Tensor) -> Tensor:
    """Return the numbers of each channel, (n, sum C, 8).

    Mean and log-std, then of the differences between neighbours (across,
    down, and both) the mean log and the log of the root mean square. Noise
    lifts the former first, blur lowers the latter, steps spread them.

    Args:
        x: (n, sum C, h, w), normalised, at least 2 x 2.
    """
    s = stride_of(x)
    rows, below = x[..., :-1:s, :], x[..., 1::s, :]
    here, right = rows[..., :-1:s], rows[..., 1::s]
    down, both = below[..., :-1:s], below[..., 1::s]
    across = right - here
    numbers = [here.mean((2, 3)), _log_rms(here - here.mean((2, 3), True))]
    for change in (across, down - here, both - down - across):
        numbers.append((change.abs() + LEAST).log().mean((2, 3)))
        numbers.append(_log_rms(change))
    return torch.stack(numbers, 2)


def feature_numbers(
    x: Tensor, stack: Stack, stems: Mapping[str, Stem]
) -> dict[str, Tensor]:
    """Return mean and log-std of every channel of the stems.

    Args:
        x: (n, sum C, h, w), normalised.
        stack: The modalities.
        stems: Stems of those that have one.

    Returns:
        (n, 2 C) per modality with a stem.
    """
    s = stride_of(x, STEM_ROWS)
    small, found = x[..., ::s, ::s], {}
    for name, stem in stems.items():
        y = stem(small[:, stack.slices[name]]).float().flatten(2)
        mean = y.mean(2)
        spread = (y.square().mean(2) - mean.square()).clamp(min=LEAST**2)
        found[name] = torch.cat((mean, spread.log() / 2), 1)
    return found


def shares(
    x: Tensor, ends: Sequence[Tensor], inside: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Return which share of the pixels is stuck, and which out of range.

    Args:
        x: (n, sum C, h, w).
        ends: Smallest and largest value of each image and channel, (n,
            sum C); what is clipped, or a hole, has one of them.
        inside: (sum C,) twice, the range of clean images.

    Returns:
        (n, sum C) twice.
    """
    s = stride_of(x)
    seen = x[..., ::s, ::s].flatten(2)
    stuck = [(seen == end[..., None]).float().mean(2) for end in ends]
    low, high = (end.to(x)[:, None] for end in inside)
    outside = ((seen < low) | (seen > high)).float().mean(2)
    return torch.maximum(*stuck), outside


def displacements(x: Tensor, stack: Stack) -> Tensor:
    """Return how much better pairs of modalities match when displaced.

    Edges of two sensors lie at the same places, whatever they measure. The
    strength of gradients is correlated at all small displacements; what
    counts is how far the best one is above none at all, in standard
    deviations of the whole correlation.

    Args:
        x: (n, sum C, h, w), normalised.
        stack: M modalities.

    Returns:
        (n, M (M - 1) / 2): pairs in the order of ``torch.triu_indices``.
    """
    k = -(-x.shape[-2] // REGISTERED_ROWS)
    x = F.avg_pool2d(x, k) if k > 1 else x
    greys = [x[:, part].mean(1) for part in stack.slices.values()]
    grey = torch.stack(greys, 1).float()
    here = grey[..., :-1, :-1]
    edges = (grey[..., :-1, 1:] - here).abs()
    edges += (grey[..., 1:, :-1] - here).abs()
    edges -= edges.mean((2, 3), keepdim=True)
    # Powers of 2 are much faster than the primes that a size may have.
    size = [-(-side // 32) * 32 for side in edges.shape[2:]]
    waves = torch.fft.rfft2(edges, size)
    one, other = torch.triu_indices(len(stack), len(stack), 1)
    found = torch.fft.irfft2(waves[:, one] * waves[:, other].conj(), size)
    spread = found.square().mean((2, 3)).sqrt().clamp(min=1e-12)
    reach = min(max(round(REACH * x.shape[-2]), 2), min(edges.shape[2:]))
    near = torch.cat((found[..., -reach:, :], found[..., : reach + 1, :]), 2)
    near = torch.cat((near[..., -reach:], near[..., : reach + 1]), 3)
    return (near.amax((2, 3)) - found[..., 0, 0]) / spread


def _log_rms(x: Tensor) -> Tensor:
    return (x.square().mean((2, 3)) + LEAST**2).log() / 2

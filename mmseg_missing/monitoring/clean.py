"""What clean images are like: moments of their numbers, and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..modality import Stack
from .stems import Stem
from .verdict import CAUSES

QUANTILE = 0.999
# Covariances of few images are pulled this far towards independence.
SHRINKAGE = 0.05
FOLDS = 5


def clean_statistics(
    seen: Sequence[Mapping[str, Tensor]],
    stack: Stack,
    quantile: float = QUANTILE,
) -> dict[str, Tensor]:
    """Return what a monitor compares with, as :func:`clean_shapes` has it.

    Limits of distances are taken on images that their means and covariances
    have not seen, a fifth at a time.

    Args:
        seen: The numbers of each batch of clean images, (n, ...) each.
        stack: The modalities.
        quantile: Quantile of clean images below each limit. Of less than 1000
            images the 99.9 % quantile is about the largest number, or what a
            log-normal distribution makes of them, if more.

    Raises:
        ValueError: fewer than 10 images.
    """
    count = sum(len(each['low']) for each in seen)
    if count < 2 * FOLDS:
        raise ValueError(
            f'clean statistics need at least {2 * FOLDS} images, got '
            f'{count}; take more `--batches`'
        )
    numbers = {key: torch.cat([s[key] for s in seen]) for key in seen[0]}
    low, high = numbers['low'].amin(0), numbers['high'].amax(0)
    margin = 0.05 * (high - low)
    clean = {'low': low - margin, 'high': high + margin}
    limits = torch.zeros(len(stack), 3)
    for index, name in enumerate(stack.names):
        for place, kind in enumerate(CAUSES[:2]):
            key = f'{name}.{kind}'
            if key in numbers:
                clean.update(_fitted(key, numbers[key]))
                distances = _held_out(numbers[key])
                limits[index, place] = _limit(distances, quantile)
        stuck = numbers['stuck'][:, stack.slices[name]].amax(1)
        limits[index, 2] = stuck.quantile(quantile)
    clean['limits'] = limits
    clean['pairs'] = numbers['pairs'].quantile(quantile, dim=0)
    return clean


def clean_shapes(
    stack: Stack, stems: Mapping[str, Stem]
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all clean numbers."""
    m, total = len(stack), stack.num_channels
    shapes: dict[str, tuple[int, ...]] = {
        'low': (total,),
        'high': (total,),
        'limits': (m, 3),
        'pairs': (m * (m - 1) // 2,),
    }
    sizes = {f'{each.name}.picture': 8 * each.channels for each in stack}
    for name, stem in stems.items():
        sizes[f'{name}.features'] = 2 * stem.layer.out_channels
    for key, size in sizes.items():
        shapes[f'{key}.mean'] = shapes[f'{key}.std'] = (size,)
        shapes[f'{key}.inverse'] = (size, size)
    return shapes


def _fitted(key: str, numbers: Tensor) -> dict[str, Tensor]:
    """Return mean, deviation and inverse covariance of (n, d)."""
    mean, std = numbers.mean(0), numbers.std(0).clamp(min=1e-6)
    z = ((numbers - mean) / std).double()
    covariance = z.T @ z / (len(z) - 1)
    covariance *= 1 - SHRINKAGE
    covariance.diagonal().add_(SHRINKAGE)
    found = {'mean': mean, 'std': std, 'inverse': covariance.inverse().float()}
    return {f'{key}.{what}': value for what, value in found.items()}


def _distance(
    numbers: Tensor, mean: Tensor, std: Tensor, inverse: Tensor
) -> Tensor:
    """Return the squared distance per number, (n,); about 1 is usual."""
    z = (numbers - mean) / std
    return ((z @ inverse) * z).mean(1)


def _held_out(numbers: Tensor) -> Tensor:
    """Return distances by moments of other images, (n,)."""
    folds = torch.arange(len(numbers)) % FOLDS
    found = numbers.new_zeros(len(numbers))
    for fold in range(FOLDS):
        is_held = folds == fold
        moments = _fitted('', numbers[~is_held]).values()
        found[is_held] = _distance(numbers[is_held], *moments)
    return found


def _limit(distances: Tensor, quantile: float) -> Tensor:
    logs = distances.clamp(min=1e-6).log()
    z = torch.special.ndtri(torch.tensor(quantile))
    expected = (logs.mean() + z * logs.std()).exp()
    return torch.maximum(expected, distances.quantile(quantile))

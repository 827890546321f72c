"""Faults with a shape: patches, fog and rain."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

STREAK_ROWS = 480 / 24
"""Length of a drop's streak in pixels of a picture with 480 rows."""


def patches(size: Sequence[int], generator: Generator) -> Tensor:
    """Return a smooth random field (H, W) with a finer one on top."""
    height, width = size
    field = torch.zeros(1, 1, height, width)
    for cells, weight in ((6, 1.0), (24, 0.5)):
        coarse = torch.randn(1, 1, cells, cells, generator=generator)
        field += weight * F.interpolate(
            coarse, (height, width), mode='bicubic', align_corners=False
        )
    return field[0, 0]


def add_fog(
    image: Tensor,
    mean: Tensor,
    std: Tensor,
    share: float,
    generator: Generator,
) -> Tensor:
    """Mix in a veil one standard deviation above the mean.

    Args:
        image: (C, H, W).
        mean: (C, 1, 1).
        std: (C, 1, 1).
        share: Of the veil, on average over the picture.
        generator: Of the patches.
    """
    field = patches(image.shape[1:], generator).to(image)
    veil = (share * (1 + 0.3 * field)).clamp(0, 1)
    return image + veil * (mean + std - image)


def add_rain(
    image: Tensor, std: Tensor, share: float, generator: Generator
) -> Tensor:
    """Make thin upright streaks brighter by two standard deviations."""
    height, width = image.shape[1:]
    length = max(round(STREAK_ROWS * height / 480), 2)
    drops = torch.rand(1, 1, height + length - 1, width, generator=generator)
    is_drop = (drops < share / length).float()
    streaks = F.max_pool2d(is_drop, (length, 1), stride=1)[0]
    return image + 2 * std * streaks.to(image)

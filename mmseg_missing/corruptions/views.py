"""Faults that move or smear the picture."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F


def blurred(image: Tensor, measured: Tensor, sigma: float) -> Tensor:
    """Return the mean of what was measured around each pixel.

    Args:
        image: (C, H, W).
        measured: (H, W) bool; the rest has no weight.
        sigma: Of the Gaussian, in pixels.
    """
    reach = max(math.ceil(3 * sigma), 1)
    place = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-(place**2) / (2 * sigma**2)).to(image)
    weight = measured.to(image)[None]
    stacked = torch.cat((image * weight, weight))[:, None]
    for shape, pad in (((1, -1), (0, reach)), ((-1, 1), (reach, 0))):
        stacked = F.conv2d(stacked, kernel.view(1, 1, *shape), padding=pad)
    *channels, total = stacked[:, 0]
    tiny = torch.finfo(image.dtype).tiny
    return torch.stack(channels) / total.clamp(min=tiny)


def shifted(image: Tensor, pixels: float, generator: Generator) -> Tensor:
    """Return the picture moved in a drawn direction; edges are repeated."""
    angle = 2 * math.pi * torch.rand((), generator=generator).item()
    down, right = pixels * math.sin(angle), pixels * math.cos(angle)
    height, width = image.shape[1:]
    rows = torch.arange(height) - down
    columns = torch.arange(width) - right
    return _sampled(image, rows, columns)


def late(image: Tensor, motion: float, generator: Generator) -> Tensor:
    """Return what a camera saw before it went back and turned.

    The earlier picture is larger by ``motion`` and lies up to half of that
    to one side, so all of it is in sight. A stand-in for a real earlier
    frame, which single images do not have.
    """
    height, width = image.shape[1:]
    side = torch.rand((), generator=generator).item() - 0.5
    rows = (torch.arange(height) - (height - 1) / 2) / (1 + motion)
    columns = (torch.arange(width) - (width - 1) / 2) / (1 + motion)
    return _sampled(
        image,
        rows + (height - 1) / 2,
        columns + (width - 1) / 2 + side * motion / (1 + motion) * width,
    )


def _sampled(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the nearest pixels, so that a hole does not mix with others."""
    height, width = image.shape[1:]
    rows = rows.round().long().clamp(0, height - 1)
    columns = columns.round().long().clamp(0, width - 1)
    return image[:, rows.to(image.device)][:, :, columns.to(image.device)]

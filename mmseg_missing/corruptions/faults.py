"""Faults of one image of one modality, each in five severities.

A fault knows no units: strength counts in the image's own standard
deviation, lengths in pixels of a picture with 480 rows. Where all channels
are exactly 0 nothing was measured (a hole in depth, a pixel without LiDAR
return): such pixels carry no weight, and faults of values leave them alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from ..names import Names
from ..values import whole

SEVERITIES = (1, 2, 3, 4, 5)
STREAK_ROWS = 480 / 24
"""Length of a drop's streak in pixels of a picture with 480 rows."""
BAND_ROWS = 480 / 24
"""Height of a band in the same."""


FAULTS = Names(
    'fault',
    'a function with its `levels` (see `levels`)',
    lambda fault: callable(fault) and hasattr(fault, 'levels'),
)
"""The faults by name. Their levels are ours: no standard sets them."""


def levels(
    *given: float, keeps_holes: bool = True
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Say of a function how far each severity goes: now it can be a fault.

    The function takes the image (C, H, W), where it was measured (H, W)
    bool, a level and a generator of all that it draws, and returns a new
    image.

    Args:
        *given: One level per severity.
        keeps_holes: What was not measured stays at 0.

    Raises:
        ValueError: another number of levels.

    >>> @levels(0.9, 0.7, 0.5, 0.3, 0.1)
    ... def dim(image, measured, level, generator):
    ...     return level * image
    >>> FAULTS['dim'] = dim
    >>> corrupt(torch.ones(1, 1, 1), 'dim', 5, seed=0).item()
    0.10000000149011612
    >>> _ = FAULTS.pop('dim')
    """
    if len(given) != len(SEVERITIES):
        raise ValueError(
            f'a fault has {len(SEVERITIES)} levels, one per severity, got '
            f'{given}'
        )

    def mark(apply: Any) -> Callable[..., Tensor]:
        apply.levels, apply.keeps_holes = given, keeps_holes
        return apply

    return mark


def corrupt(image: Tensor, fault: str, severity: int, seed: int) -> Tensor:
    """Return the image with a fault; the input is left as it is.

    The same image, fault, severity and seed give the same result, wherever
    the image stands in a batch.

    Args:
        image: (C, H, W) float in raw units.
        fault: Key of :data:`FAULTS`.
        severity: 1 to 5.
        seed: Seed of this image.

    Raises:
        TypeError: a severity that is no whole number.
        ValueError: unknown fault or severity, or no image of pixels.

    >>> image = torch.rand(3, 32, 48)
    >>> foggy = corrupt(image, 'fog', severity=5, seed=0)
    >>> foggy.shape, bool(foggy.std() < image.std())
    (torch.Size([3, 32, 48]), True)
    """
    check_fault(fault, severity)
    if image.ndim != 3 or not image.numel():
        raise ValueError(
            f'a fault takes an image (C, H, W), got {tuple(image.shape)}'
        )
    apply = FAULTS[fault]
    measured = (image != 0).any(0)
    generator = Generator().manual_seed(seed)
    level = apply.levels[severity - 1]
    result = apply(image, measured, level, generator)
    if result.shape != image.shape:
        raise ValueError(
            f'fault {fault!r} made {tuple(result.shape)} of an image '
            f'{tuple(image.shape)}; return one of the same shape'
        )
    return result * measured if apply.keeps_holes else result


def check_fault(fault: str, severity: int) -> None:
    """Refuse what :func:`corrupt` does not know.

    Raises:
        TypeError: a severity that is no whole number.
        ValueError: unknown fault or severity.

    >>> check_fault('fog', 5)  # there is such a one
    """
    FAULTS.find('fault', fault)
    whole('severity', severity, min(SEVERITIES), max(SEVERITIES))


def spread(image: Tensor, measured: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of what was measured, (C, 1, 1)."""
    weight = measured.to(image.dtype)
    count = weight.sum().clamp(min=1)
    mean = (image * weight).sum((1, 2), keepdim=True) / count
    square = ((image - mean) ** 2 * weight).sum((1, 2), keepdim=True)
    return mean, (square / count).sqrt()


@levels(0.1, 0.2, 0.4, 0.7, 1.0)
def add_noise(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Add Gaussian noise of ``level`` standard deviations."""
    _, std = spread(image, measured)
    noise = torch.randn(image.shape, generator=generator)
    return image + level * std * noise.to(image)


@levels(1, 2, 3.5, 5, 8)
def blur(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Blur by a Gaussian of ``level`` pixels: a lens out of focus, or wet.

    A pixel becomes the mean of what was measured around it.
    """
    sigma = level * image.shape[1] / 480
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


@levels(0.05, 0.1, 0.2, 0.35, 0.5)
def cut_holes(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Set the share ``level`` of the picture to 0, in patches."""
    field = patches(image.shape[1:], generator).to(image)
    edge = field.flatten().kthvalue(max(round(level * field.numel()), 1))
    return image * (field > edge.values)


@levels(64, 32, 16, 8, 4)
def quantise(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Leave ``level`` values between the image's smallest and largest."""
    inside = image[:, measured]
    if not inside.numel():
        return image
    low = inside.amin(1)[:, None, None]
    step = (inside.amax(1)[:, None, None] - low) / (level - 1)
    safe = torch.where(step > 0, step, torch.ones_like(step))
    return low + ((image - low) / safe).round() * step


@levels(0.2, 0.4, 0.7, 1.0, 1.5)
def drift(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Add ``level`` standard deviations, up or down, more on one side."""
    _, std = spread(image, measured)
    sign, tilt = torch.rand(2, generator=generator).mul(2).sub(1).tolist()
    ramp = torch.linspace(1 - tilt / 2, 1 + tilt / 2, image.shape[2])
    return image + (level if sign > 0 else -level) * std * ramp.to(image)


@levels(5, 8, 12, 16, 20, keeps_holes=False)
def shift(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Move the picture by ``level`` pixels; its edges are repeated."""
    height, width = image.shape[1:]
    pixels = level * height / 480
    angle = 2 * math.pi * torch.rand((), generator=generator).item()
    rows = torch.arange(height) - pixels * math.sin(angle)
    columns = torch.arange(width) - pixels * math.cos(angle)
    return _sampled(image, rows, columns)


@levels(0.02, 0.04, 0.07, 0.1, 0.15, keeps_holes=False)
def delay(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Show what a camera saw before it went back and turned.

    The earlier picture is larger by ``level`` and lies up to half of that
    to one side, so all of it is in sight. A stand-in for a real earlier
    frame, which single images do not have; in a trace a stale sensor shows
    that frame itself.
    """
    height, width = image.shape[1:]
    side = torch.rand((), generator=generator).item() - 0.5
    rows = (torch.arange(height) - (height - 1) / 2) / (1 + level)
    columns = (torch.arange(width) - (width - 1) / 2) / (1 + level)
    return _sampled(
        image,
        rows + (height - 1) / 2,
        columns + (width - 1) / 2 + side * level / (1 + level) * width,
    )


@levels(0.2, 0.35, 0.5, 0.65, 0.8)
def fog(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Mix the share ``level`` of a patchy veil into the picture.

    The veil is one standard deviation brighter than the mean.
    """
    mean, std = spread(image, measured)
    field = patches(image.shape[1:], generator).to(image)
    veil = (level * (1 + 0.3 * field)).clamp(0, 1)
    return image + veil * (mean + std - image)


@levels(0.02, 0.04, 0.07, 0.1, 0.15)
def rain(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Cover the share ``level`` of the picture with thin upright streaks.

    They are brighter by two standard deviations.
    """
    _, std = spread(image, measured)
    height, width = image.shape[1:]
    length = max(round(STREAK_ROWS * height / 480), 2)
    drops = torch.rand(1, 1, height + length - 1, width, generator=generator)
    is_drop = (drops < level / length).float()
    streaks = F.max_pool2d(is_drop, (length, 1), stride=1)[0]
    return image + 2 * std * streaks.to(image)


@levels(0.1, 0.2, 0.4, 0.7, 1.0)
def add_bands(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Add an offset to every band of rows: ``level`` standard deviations.

    After the corruption of this name of GeomPrompt (CVPR 2026 workshop);
    how high its bands are was not known, here it is a 24th of the picture.
    """
    _, std = spread(image, measured)
    height = image.shape[1]
    band = max(round(BAND_ROWS * height / 480), 1)
    offsets = torch.randn(-(-height // band), generator=generator)
    rows = offsets.repeat_interleave(band)[:height, None]
    return image + level * std * rows.to(image)


@levels(0.1, 0.2, 0.35, 0.5, 0.75)
def rescale(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Be off by a factor 1 + ``level`` and ``level`` standard deviations.

    A sensor that lost its calibration. The factor, or its inverse, stretches
    about the mean, so that degrees suffer as metres do. After the corruption
    of this name of GeomPrompt (CVPR 2026 workshop), whose numbers were not
    known.
    """
    mean, std = spread(image, measured)
    draws = torch.rand(2, generator=generator).tolist()
    is_larger, is_up = (draw < 0.5 for draw in draws)
    factor = 1 + level if is_larger else 1 / (1 + level)
    offset = level * std if is_up else -level * std
    return mean + factor * (image - mean) + offset


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


def _sampled(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the nearest pixels, so that a hole does not mix with others."""
    height, width = image.shape[1:]
    rows = rows.round().long().clamp(0, height - 1)
    columns = columns.round().long().clamp(0, width - 1)
    return image[:, rows.to(image.device)][:, :, columns.to(image.device)]


for _name, _fault in {
    'noise': add_noise,
    'blur': blur,
    'holes': cut_holes,
    'quantisation': quantise,
    'drift': drift,
    'shift': shift,
    'stale': delay,
    'fog': fog,
    'rain': rain,
    'banding': add_bands,
    'scale_shift': rescale,
}.items():
    FAULTS[_name] = _fault

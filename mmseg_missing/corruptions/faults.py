"""Faults of one image of one modality, each in five severities.

A fault knows no units: strength counts in the image's own standard
deviation, lengths in pixels of a picture with 480 rows. Where all channels
are exactly 0 nothing was measured (a hole in depth, a pixel without LiDAR
return): such pixels carry no weight, and faults of values leave them alone.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from ..names import Names
from ..values import whole
from .views import blurred, late, shifted
from .weather import add_fog, add_rain, patches

SEVERITIES = (1, 2, 3, 4, 5)


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
    """
    if len(given) != len(SEVERITIES):
        raise ValueError(
            f'a fault has {len(SEVERITIES)} levels, one per severity, got '
            f'{given}'
        )

    def mark(apply: Callable[..., Tensor]) -> Callable[..., Tensor]:
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
        seed: Of this image.

    Raises:
        TypeError: a severity that is no whole number.
        ValueError: unknown fault or severity, or no image of pixels.
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
    """Blur by a Gaussian of ``level`` pixels: a lens out of focus, or wet."""
    return blurred(image, measured, level * image.shape[1] / 480)


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
    """Move the picture by ``level`` pixels in some direction."""
    return shifted(image, level * image.shape[1] / 480, generator)


@levels(0.02, 0.04, 0.07, 0.1, 0.15, keeps_holes=False)
def delay(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Show an earlier moment: the camera has moved on by ``level``."""
    return late(image, level, generator)


@levels(0.2, 0.35, 0.5, 0.65, 0.8)
def fog(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Mix the share ``level`` of a patchy bright veil into the picture."""
    return add_fog(image, *spread(image, measured), level, generator)


@levels(0.02, 0.04, 0.07, 0.1, 0.15)
def rain(
    image: Tensor, measured: Tensor, level: float, generator: Generator
) -> Tensor:
    """Cover the share ``level`` of the picture with bright streaks."""
    return add_rain(image, spread(image, measured)[1], level, generator)


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
}.items():
    FAULTS[_name] = _fault

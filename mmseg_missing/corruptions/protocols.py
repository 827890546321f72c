"""What the protocols RMM and NM do to batches after normalisation.

EMM, the entire modality missing, is what combinations are: nothing to do.

Source: Liao et al., Benchmarking multi-modal semantic segmentation under
sensor failures, 2025, arXiv:2503.18445. The rates and densities are theirs.
Which values salt and pepper take, and that noise counts in the standard
deviation of the data set, is not stated there and chosen here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ..modality import Stack
from ..values import probability, real

RMM_RATES = (0.75, 0.5, 0.25)
BLOCKS = 8
"""Blocks in the height of a picture, where they are lost as a whole; ours."""
GAUSSIAN_NAMES = ('rgb', 'depth', 'hha', 'lidar')


@dataclass(frozen=True)
class NoisyLevel:
    """One level of NM.

    Args:
        density: Share of the pixels that are salt or pepper.
        sigma: Standard deviation of the Gaussian noise, after normalisation.

    Raises:
        ValueError: no share, or a sigma that is negative or not finite.

    >>> NoisyLevel(density=0.05, sigma=0.1)
    NoisyLevel(density=0.05, sigma=0.1)
    """

    density: float
    sigma: float

    def __post_init__(self) -> None:
        probability('density', self.density)
        real('sigma', self.sigma, least=0)


NM_LEVELS = {
    'low': NoisyLevel(0.05, 0.1),
    'mid': NoisyLevel(0.1, 0.2),
    'high': NoisyLevel(0.2, 0.5),
}


def drop_values(
    inputs: Tensor,
    stack: Stack,
    available: Tensor | Sequence[bool],
    rate: float,
    seeds: Sequence[int],
    by_block: bool = False,
) -> Tensor:
    """RMM: set each value of the failed modalities to 0 by chance.

    Args:
        inputs: (n, sum C, h, w), normalised, in stack order.
        stack: The modalities.
        available: M flags; the others failed.
        rate: Probability of a value to be lost.
        seeds: n numbers, so that an image meets the same fault in any batch
            that pads it to the same size.
        by_block: Lose squares in all channels of a modality, 8 in the
            height of the picture, instead of single values.

    Returns:
        (n, sum C, h, w), a new tensor.

    Raises:
        ValueError: no probability, or another number of flags.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> inputs = torch.ones(1, 4, 16, 16)
    >>> lost = drop_values(inputs, stack, [True, False], rate=0.5, seeds=[0])
    >>> lost.shape, lost[:, :3].mean().item(), 0.4 < lost[:, 3].mean() < 0.6
    (torch.Size([1, 4, 16, 16]), 1.0, tensor(True))
    """
    probability('rate', rate)
    if len(available) != len(stack):
        raise ValueError(
            f'`available` needs {len(stack)} entries for {stack.full}, got '
            f'{len(available)}'
        )
    outputs = inputs.clone()
    for index, name in enumerate(stack.names):
        if available[index]:
            continue
        part = outputs[:, stack.slices[name]]
        for image, generator in zip(part, _generators(seeds, index)):
            shape = image.shape
            if by_block:
                drawn = _block_noise(shape[1], shape[2], generator)
            else:
                drawn = torch.rand(shape, generator=generator)
            image *= (drawn >= rate).to(image.device)
    return outputs


def add_sensor_noise(
    inputs: Tensor, stack: Stack, level: NoisyLevel, seeds: Sequence[int]
) -> Tensor:
    """NM: salt and pepper on all modalities, then Gaussian noise on some.

    Salt is the largest value of the image's modality, pepper the smallest.
    Gaussian noise falls on those of :data:`GAUSSIAN_NAMES` (HHA is a form
    of depth).

    Args:
        inputs: (n, sum C, h, w), normalised, in stack order.
        stack: The modalities.
        level: One of :data:`NM_LEVELS`.
        seeds: n numbers, as in :func:`drop_values`.

    Returns:
        (n, sum C, h, w), a new tensor.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> inputs = torch.zeros(1, 4, 16, 16)
    >>> noisy = add_sensor_noise(inputs, stack, NM_LEVELS['mid'], seeds=[0])
    >>> noisy.shape, bool(noisy.std() > 0.1)
    (torch.Size([1, 4, 16, 16]), True)
    """
    outputs = inputs.clone()
    for index, name in enumerate(stack.names):
        part = outputs[:, stack.slices[name]]
        for image, generator in zip(part, _generators(seeds, index)):
            _salt_and_pepper(image, level.density, generator)
            if name in GAUSSIAN_NAMES:
                noise = torch.randn(image.shape, generator=generator)
                image += level.sigma * noise.to(image)
    return outputs


def _block_noise(height: int, width: int, generator: Generator) -> Tensor:
    """Return (h, w) with one number from 0 to 1 for every block."""
    side = max(height // BLOCKS, 1)
    rows, columns = -(-height // side), -(-width // side)
    coarse = torch.rand(rows, columns, generator=generator)
    fine = coarse.repeat_interleave(side, 0).repeat_interleave(side, 1)
    return fine[:height, :width]


def _salt_and_pepper(
    image: Tensor, density: float, generator: Generator
) -> None:
    """Write the extremes of (C, h, w) into it, half of the density each."""
    low, high = image.aminmax()
    drawn = torch.rand(image.shape[1:], generator=generator).to(image.device)
    image[:, drawn < density / 2] = low
    image[:, drawn > 1 - density / 2] = high


def _generators(seeds: Sequence[int], index: int) -> list[Generator]:
    """Return one generator per image, different for each modality."""
    return [Generator().manual_seed(1009 * int(s) + index) for s in seeds]

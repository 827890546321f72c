"""What a row may know of an image: numbers that any image has."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...modality import Stack
from ...present import Key


@torch.no_grad()
def image_statistics(
    images: Tensor, samples: Sequence[Key], stack: Stack
) -> Tensor:
    """Return mean and spread of each channel, (n, 2 sum C), float32.

    What is absent has no influence: there is zero, which is also what a
    channel of usual brightness and contrast has.

    Args:
        images: (n, sum C, h, w), normalised; padding counts.
        samples: n combinations, each with M flags.
        stack: The modalities.

    Returns:
        Means, then standard deviations less 1, per channel; zero in the
        place of what is no number.
    """
    present = torch.tensor(samples, device=images.device)
    channels = torch.tensor(stack.in_channels, device=images.device)
    there = present.repeat_interleave(channels, 1)  # (n, sum C)
    pixels = images.detach().flatten(2).float()
    mean, spread = pixels.mean(2), pixels.std(2, unbiased=False) - 1
    numbers = torch.cat([mean, spread], 1).nan_to_num()
    return torch.where(torch.cat([there, there], 1), numbers, 0.0)

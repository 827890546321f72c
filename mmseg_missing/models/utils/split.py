"""The parts of a stacked tensor, and what they must be."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...values import listed, whole

MOST_CHANNELS = 2**16  # more would end in memory, not in a network


def checked_channels(in_channels: Sequence[int]) -> list[int]:
    """Return the channels per modality.

    Raises:
        TypeError: no list of whole numbers.
        ValueError: no modality, or one without a channel.
    """
    key = 'backbone.in_channels'
    channels = listed(key, in_channels)
    if not channels:
        raise ValueError(f'`{key}` takes at least one modality, got []')
    return [whole(key, c, 1, MOST_CHANNELS) for c in channels]


def checked_levels(
    key: str, values: Sequence[int], most: int, least: int = 1
) -> list[int]:
    """Return a whole number for each of the four levels.

    Args:
        key: Key of the backbone.
        values: Values, that of the finest level first.
        most: The largest that works.
        least: The smallest.

    Raises:
        TypeError: no list of whole numbers.
        ValueError: another number of levels, or a number out of range.
    """
    key = f'backbone.{key}'
    levels = [whole(key, v, least, most) for v in listed(key, values)]
    if len(levels) != 4:
        raise ValueError(f'`{key}` takes 4 levels, got {levels}')
    return levels


def split_stack(
    x: Tensor, in_channels: Sequence[int], network: str
) -> list[Tensor]:
    """Return the parts of at least 3 channels, in channels-last memory.

    Args:
        x: All modalities, stacked along channels, (n, sum c, h, w).
        in_channels: Channels of each part; fewer than 3 are repeated in
            turn, as CMX, CMNeXt and MMSFormer do.
        network: Name for the message.

    Raises:
        ValueError: If the number of channels differs from the stack's.
    """
    if x.shape[1] != sum(in_channels):
        raise ValueError(
            f'{network} expects {sum(in_channels)} channels for '
            f'`backbone.in_channels={list(in_channels)}`, got {x.shape[1]}; '
            'it must list the channels of `modalities`'
        )
    return [
        _repeat(part).contiguous(memory_format=torch.channels_last)
        for part in x.split(list(in_channels), 1)
    ]


def _repeat(x: Tensor) -> Tensor:
    """Repeat the channels of (n, c, h, w) in turn up to at least 3."""
    c = x.shape[1]
    return x if c >= 3 else x[:, [i % c for i in range(3)]]

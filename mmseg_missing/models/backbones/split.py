"""The parts of a stacked tensor, for streams that were made for RGB."""

from collections.abc import Sequence

import torch
from torch import Tensor


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

"""Fusion position by position: a sum, or one linear map."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class SumFusion(nn.Module):
    """Add the streams.

    Args:
        dim: Channels of each stream; any.
        num_streams: Number of streams; any.

    >>> maps = [torch.rand(2, 8, 5, 7) for _ in 'ab']
    >>> SumFusion(dim=8, num_streams=2)(maps).shape
    torch.Size([2, 8, 5, 7])
    """

    def __init__(self, dim: int, num_streams: int) -> None:
        super().__init__()

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return the sum of maps (n, c, h, w), same shape."""
        return sum(features[1:], start=features[0])


@MODELS.register_module()
class ConcatFusion(nn.Module):
    """Stack the streams along channels, then a 1x1 convolution.

    Args:
        dim: Channels of each stream and of the result.
        num_streams: Number of streams.

    >>> maps = [torch.rand(2, 8, 5, 7) for _ in 'ab']
    >>> ConcatFusion(dim=8, num_streams=2)(maps).shape
    torch.Size([2, 8, 5, 7])
    """

    keeps_outputs = True
    stage_sites = ('conv',)

    def __init__(self, dim: int, num_streams: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(num_streams * dim, dim, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return one map of ``num_streams`` maps (n, c, h, w)."""
        return self.conv(torch.cat(features, 1))

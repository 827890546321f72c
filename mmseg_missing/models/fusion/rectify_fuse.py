"""The rectify-and-fuse pair as a fusion of two streams."""

from mmseg.registry import MODELS
from torch import Tensor, nn

from .rectify import FeatureFusion, FeatureRectification


@MODELS.register_module()
class RectifyFuse(nn.Module):
    """Let two streams correct each other, then make one of them.

    The streams themselves go on uncorrected, unlike those of CMX and CMNeXt.

    Args:
        dim: Channels of each stream and of the result.
        num_streams: Must be 2.
        num_heads: Heads of the cross attention, a divisor of every ``dim``.

    Raises:
        ValueError: if there are not two streams.

    Source: Zhang et al., CMX, T-ITS 2023, arXiv:2203.04838 (section III).
    """

    keeps_outputs = True
    stage_sites = (r'fuse\.norm',)

    def __init__(self, dim: int, num_streams: int, num_heads: int = 1) -> None:
        super().__init__()
        if num_streams != 2:
            raise ValueError(
                f'RectifyFuse fuses 2 streams, got {num_streams}; set '
                "`backbone.fusion.type` to 'SumFusion' or 'ConcatFusion'"
            )
        self.rectify = FeatureRectification(dim)
        self.fuse = FeatureFusion(dim, num_heads)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return one map of two maps (n, c, h, w)."""
        return self.fuse(*self.rectify(*features))

"""The affine part of the norms alone."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from .scale_shift import ScaleShift


class NormTuning(ScaleShift):
    """Scale and shift behind the normalisation layers, nowhere else.

    The same maps as tuning the weight and bias of every norm, written as a
    change of what the norm gives, so that samples of a batch may differ.

    Source: Frankle et al., ICLR 2021, arXiv:2003.00152 (BatchNorm alone);
    compared in Reza et al., arXiv:2310.03986, supplement.
    """

    @classmethod
    def takes(cls, layer: nn.Module) -> bool:
        """Take normalisation layers."""
        return isinstance(layer, (_NormBase, nn.GroupNorm, nn.LayerNorm))

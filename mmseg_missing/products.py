"""Layers that multiply matrices with oneDNN where that is faster.

PyTorch gives products of float32 matrices to MKL, which is slow on some
processors; so it does with 1x1 convolutions on one thread. All other
convolutions go to oneDNN, dilated ones too, and a kernel of one position is
the same with any dilation. So that is asked for: in inference alone, where
nothing is recorded for a gradient, a trace or a compiler.
"""

from __future__ import annotations

import platform

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .torch_versions import autocast_dtype, is_compiling

IS_X86 = platform.machine() in ('x86_64', 'AMD64')
# Below, ordering the weights for oneDNN costs more than it gains.
LEAST_ROWS = 256
LEAST_PRODUCTS = 4_000_000


def is_plain_inference() -> bool:
    """Say whether all that counts is the result, and nobody records.

    >>> is_plain_inference()
    False
    >>> with torch.no_grad():
    ...     is_plain_inference()
    True
    """
    return not (
        torch.is_grad_enabled() or is_compiling() or torch.jit.is_tracing()
    )


class Linear(nn.Linear):
    """PyTorch's, computed by :func:`linear`."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (..., in_features) to (..., out_features)."""
        return linear(input, self.weight, self.bias)


class Conv2d(nn.Conv2d):
    """PyTorch's; one of 1x1 goes to oneDNN where that is faster."""

    def _conv_forward(
        self, input: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        if (
            is_plain_inference()
            and _pays(input, weight)
            and self.kernel_size == (1, 1)
            and self.stride == (1, 1)
            and self.padding == (0, 0)
            and self.groups == 1
            and input.is_contiguous(memory_format=torch.channels_last)
        ):
            return F.conv2d(input, weight, bias, dilation=2)
        return super()._conv_forward(input, weight, bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.T + bias``, in inference by oneDNN if that pays.

    Args:
        x: (..., c_in).
        weight: (c_out, c_in).
        bias: (c_out,).

    >>> x, weight = torch.randn(5, 7, 3), torch.randn(2, 3)
    >>> linear(x, weight).shape
    torch.Size([5, 7, 2])
    """
    if not (is_plain_inference() and _pays(x, weight) and x.is_contiguous()):
        return F.linear(x, weight, bias)
    # All rows are positions of one map, a channels-last view.
    rows = x.view(1, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)
    y = F.conv2d(rows, weight[:, :, None, None], bias, dilation=2)
    return y.permute(0, 2, 3, 1).view(*x.shape[:-1], -1)


def _pays(x: Tensor, weight: Tensor) -> bool:
    """Say whether oneDNN is there and the product large enough."""
    size = x.numel()
    return (
        size * weight.size(0) >= LEAST_PRODUCTS  # first, for small networks
        and size >= weight.size(1) * LEAST_ROWS
        and IS_X86
        and x.dtype == weight.dtype == torch.float32
        and x.device.type == 'cpu'
        and torch.backends.mkldnn.is_available()
        and torch.backends.mkldnn.enabled
        and autocast_dtype('cpu') is None
    )

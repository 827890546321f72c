"""y = scale * x + shift per channel, cheap in memory.

Plain autograd keeps x at every site for the gradient of the scale, beside
the y that the next layer keeps. An affine map inverts: all that is needed
of x follows from y, so only y is kept, and may overwrite x. That fails
where a later layer overwrites y, as an in-place ReLU does; sites say whether
that can happen.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# A scale nearer to zero counts as this: y must tell x.
SMALLEST_SCALE = 1e-3


def keep_invertible(numbers: Tensor, identity: Tensor) -> Tensor:
    """Return the numbers with every scale at least ``SMALLEST_SCALE``.

    Args:
        numbers: (n, width).
        identity: (width,), where scales are 1 and nothing else is.

    The gradient passes as if nothing was done, so a scale can grow again.
    """
    is_tiny = (identity == 1) & (numbers.abs() < SMALLEST_SCALE)
    least = numbers.new_tensor(SMALLEST_SCALE).copysign(numbers)
    return numbers + (least - numbers).where(is_tiny, 0 * least).detach()


def as_channels(numbers: Tensor, x: Tensor, dim: int) -> Tensor:
    """Return (n, c) numbers in a shape that broadcasts over ``x``."""
    shape = [1] * x.ndim
    shape[0], shape[dim] = x.shape[0], -1
    return numbers.to(x.dtype).view(shape)


def affine(
    x: Tensor,
    scale: Tensor,
    shift: Tensor,
    out: Tensor | None = None,
    is_kept: bool = False,
) -> Tensor:
    """Return scale * x + shift.

    Args:
        x: Any shape; channels anywhere.
        scale: Broadcasts over ``x``, nowhere nearer to zero than
            ``SMALLEST_SCALE``.
        shift: Of the shape of ``scale``.
        out: Memory that may take the result; ``x`` itself, or None.
        is_kept: Nothing will overwrite the result.
    """
    if not torch.is_grad_enabled():
        return torch.addcmul(shift, x, scale, out=out)
    if torch.compiler.is_compiling() or not is_kept:
        return torch.addcmul(shift, x, scale)
    # Autograd cannot cheaply overwrite what is a view of something else.
    in_place = out is not None and not x._is_view()
    return _Affine.apply(x, scale, shift, in_place)


class _Affine(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, in_place: bool
    ) -> Tensor:
        y = torch.addcmul(shift, x, scale, out=x if in_place else None)
        if in_place:
            ctx.mark_dirty(y)
        ctx.save_for_backward(y, scale, shift)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple:
        y, scale, shift = ctx.saved_tensors
        dims = [d for d, size in enumerate(scale.shape) if size == 1]
        dims = [d for d in dims if y.shape[d] != 1]
        total, moment = (
            z.sum(dims, keepdim=True, dtype=torch.float32)
            if dims and z.dtype in (torch.float16, torch.bfloat16)
            else z.sum(dims, keepdim=True)
            if dims
            else z
            for z in (grad, grad * y)
        )
        # sum(grad * x), with x = (y - shift) / scale.
        slope = (moment - shift * total) / scale
        return (
            grad * scale if ctx.needs_input_grad[0] else None,
            slope.to(scale.dtype),
            total.to(shift.dtype),
            None,
        )

"""y = scale * x + shift per channel, cheap in memory.

Plain autograd keeps x at every site for the gradient of the scale, beside
the y that the next layer keeps. An affine map inverts: all that is needed
of x follows from y, so only y is kept, and may overwrite x. That fails
where a later layer overwrites y, as an in-place ReLU does; sites say whether
that can happen.

A frozen norm keeps its input; x is computed from it again.

Autograd also keeps the input of every convolution, which only the gradient
of its weight needs, and a frozen one has none. So the graph of a frozen
convolution is replaced as well.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _NormBase

from ...torch_versions import is_compiling
from ..adapter import CONVS, FRESH, Call

# A scale nearer to zero counts as this: y must tell x.
SMALLEST_SCALE = 1e-3


def keep_invertible(numbers: Tensor, scales: Tensor) -> Tensor:
    """Return the numbers with every scale at least ``SMALLEST_SCALE``.

    Args:
        numbers: (n, width).
        scales: (width,), 1 for scales and 0 for all else.

    The gradient passes as if nothing was done, so a scale can grow again.
    """
    return _KeepInvertible.apply(numbers, SMALLEST_SCALE * scales)


class _KeepInvertible(torch.autograd.Function):
    """Absolute numbers of at least ``least``, with their gradient as it is."""

    @staticmethod
    def forward(ctx: Any, numbers: Tensor, least: Tensor) -> Tensor:
        return numbers.abs().clamp_(min=least).copysign_(numbers)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


def as_channels(numbers: Tensor, x: Tensor, dim: int) -> Tensor:
    """Return (n, c) numbers in a shape that broadcasts over ``x``."""
    shape = [1] * x.ndim
    # An exporter may take the batch of `x` for a constant.
    shape[0], shape[dim] = -1, numbers.shape[1]
    return numbers.to(x.dtype).view(shape)


def add(x: Tensor, change: Tensor, call: Call) -> Tensor:
    """Return x + change, in the memory of ``x`` where it may be."""
    if call.is_free and not torch.is_grad_enabled():
        return torch.add(x, change, out=x)
    return x + change


def affine(
    x: Tensor, scale: Tensor, shift: Tensor, call: Call, is_kept: bool
) -> Tensor:
    """Return scale * x + shift.

    Args:
        x: Any shape; channels anywhere.
        scale: Broadcasts over ``x``, nowhere nearer to zero than
            ``SMALLEST_SCALE``.
        shift: Tensor of the shape of ``scale``.
        call: Where ``x`` comes from.
        is_kept: Nothing will overwrite the result.
    """
    if not torch.is_grad_enabled():
        out = x if call.is_free else None
        return torch.addcmul(shift, x, scale, out=out)
    if is_compiling():
        return torch.addcmul(shift, x, scale)
    # Autograd cannot cheaply overwrite what is a view of something else.
    in_place = call.is_free and not x._is_view()
    if call.is_first and call.inputs is not None and is_frozen_norm(call):
        inputs = call.inputs.detach()
        return _NormAffine.apply(x, scale, shift, in_place, inputs, call.layer)
    if not is_kept:
        return torch.addcmul(shift, x, scale)
    if call.is_free and is_frozen_conv(call):
        return _ConvAffine.apply(
            call.inputs, x.detach(), scale, shift, call.layer
        )
    return _Affine.apply(x, scale, shift, in_place)


def is_frozen_norm(call: Call) -> bool:
    """Say whether it gives the same again when it is called again."""
    layer, inputs = call.layer, call.inputs
    return (
        isinstance(layer, (_NormBase, nn.LayerNorm, nn.GroupNorm))
        # A class of one's own may take more than its input, unless the class
        # itself says where its channels lie.
        and (type(layer) in FRESH or hasattr(type(layer), 'channel_dim'))
        and not layer.training
        and not any(p.requires_grad for p in layer.parameters())
        and inputs is not None
        and inputs.requires_grad
    )


def is_frozen_conv(call: Call) -> bool:
    """Say whether its graph is nothing but a plain frozen convolution."""
    layer, inputs = call.layer, call.inputs
    return (
        type(layer) in CONVS
        and layer.padding_mode == 'zeros'
        and not isinstance(layer.padding, str)
        and not any(p.requires_grad for p in layer.parameters())
        and inputs is not None
        and inputs.requires_grad
    )


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
        grad_x = grad * scale if ctx.needs_input_grad[0] else None
        return grad_x, *_slopes(grad, y, scale, shift), None


class _NormAffine(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        scale: Tensor,
        shift: Tensor,
        in_place: bool,
        inputs: Tensor,
        layer: nn.Module,
    ) -> Tensor:
        y = torch.addcmul(shift, x, scale, out=x if in_place else None)
        if in_place:
            ctx.mark_dirty(y)
        ctx.save_for_backward(inputs, scale)
        ctx.layer = layer
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple:
        inputs, scale = ctx.saved_tensors
        # Past its hooks: this is the layer alone.
        # Autocast is off here: its output's dtype is asked for by hand.
        x = ctx.layer.forward(inputs.to(scale.dtype)).to(grad.dtype)
        grads = (z.to(scale.dtype) for z in _sums(grad, x, scale))
        return grad * scale, *grads, None, None, None


class _ConvAffine(torch.autograd.Function):
    """From the input of a convolution to its modulated output."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        x: Tensor,
        scale: Tensor,
        shift: Tensor,
        layer: nn.Module,
    ) -> Tensor:
        y = torch.addcmul(shift, x, scale, out=x)
        ctx.mark_dirty(y)
        ctx.save_for_backward(y, scale, shift, layer.weight)
        ctx.layer = layer
        # Shape, dtype and layout of the input, without its memory.
        ctx.like = inputs.new_empty(0), inputs.shape, inputs.stride()
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple:
        y, scale, shift, weight = ctx.saved_tensors
        layer, (like, shape, stride) = ctx.layer, ctx.like
        grad_x = grad * scale
        grad_inputs, _, _ = torch.ops.aten.convolution_backward(
            grad_x,
            # It is asked for its layout alone.
            grad_x.new_empty_strided(shape, stride),
            weight.to(grad_x.dtype),
            None,
            layer.stride,
            layer.padding,
            layer.dilation,
            False,
            [0] * len(layer.stride),
            layer.groups,
            (True, False, False),
        )
        slopes = _slopes(grad, y, scale, shift)
        return grad_inputs.to(like.dtype), None, *slopes, None


def _slopes(
    grad: Tensor, y: Tensor, scale: Tensor, shift: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradients of scale and shift from the map's result."""
    moment, total = _sums(grad, y, scale)
    # sum(grad * x), with x = (y - shift) / scale.
    slope = (moment - shift * total) / scale
    return slope.to(scale.dtype), total.to(shift.dtype)


def _sums(grad: Tensor, z: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sums of grad * z and of grad, in the shape of ``scale``."""
    dims = [d for d, size in enumerate(scale.shape) if size != z.shape[d]]
    # Sums over many positions need more than half precision.
    is_half = z.dtype in (torch.float16, torch.bfloat16)
    dtype = torch.float32 if is_half else z.dtype
    moment, total = (
        part.sum(dims, keepdim=True, dtype=dtype) if dims else part
        for part in (grad * z, grad)
    )
    return moment, total

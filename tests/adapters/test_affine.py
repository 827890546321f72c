"""Scale and shift that keep only what they give."""

import pytest
import torch
from torch import nn

from mmseg_missing.adapters.adapter import Call
from mmseg_missing.adapters.methods.affine import (
    SMALLEST_SCALE,
    affine,
    keep_invertible,
)

N, C, H, W = 2, 3, 5, 7


def at(layer=None, is_free=False, inputs=None):
    return Call(layer or nn.ReLU(), inputs, is_free)


def make(dtype=torch.float64, layout=torch.contiguous_format):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, C, H, W, generator=generator).to(dtype)
    x = x.contiguous(memory_format=layout).requires_grad_()
    scale = torch.randn(N, C, 1, 1, generator=generator).to(dtype)
    shift = torch.randn(N, C, 1, 1, generator=generator).to(dtype)
    return x, scale.requires_grad_(), shift.requires_grad_()


@pytest.mark.parametrize('in_place', [False, True])
@pytest.mark.parametrize(
    'layout', [torch.contiguous_format, torch.channels_last]
)
def test_gradients_are_those_of_autograd(in_place, layout):
    tensors = make(layout=layout)
    x, scale, shift = tensors
    weight = torch.randn(x.shape, dtype=x.dtype)
    plain = (x.sin() * scale + shift).pow(2)
    expected = torch.autograd.grad((plain * weight).sum(), tensors)
    z = x.sin()
    y = affine(z, scale, shift, at(nn.ReLU(), in_place), True)
    found = torch.autograd.grad((y.pow(2) * weight).sum(), tensors)
    torch.testing.assert_close(found, expected)
    assert (y is z) == in_place


def test_gradients_of_one_sample_and_one_channel():
    x = torch.randn(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    scale, shift = (
        torch.full((1, 1, 1, 1), v, dtype=torch.float64, requires_grad=True)
        for v in (0.5, 2.0)
    )
    assert torch.autograd.gradcheck(
        lambda *tensors: affine(*tensors, at(), True), (x, scale, shift)
    )


def test_half_precision_is_near():
    tensors = make(torch.bfloat16)
    doubles = [t.detach().double().requires_grad_() for t in tensors]
    affine(*tensors, at(), True).pow(2).sum().backward()
    affine(*doubles, at(), True).pow(2).sum().backward()
    for half, double in zip(tensors, doubles):
        error = (half.grad.double() - double.grad).abs().max()
        assert error < 0.05 * double.grad.abs().max()


def test_only_the_result_is_kept():
    """What follows needs y too; x is not held beside it."""
    kept = []
    layer = nn.Linear(3, 3).requires_grad_(False)
    x = torch.randn(N, 3, requires_grad=True)
    scale = torch.full((N, 3), 2.0, requires_grad=True)
    z = layer(x)

    def pack(tensor):
        kept.append(tensor.data_ptr())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = affine(z, scale, torch.zeros(N, 3), at(layer), True)
        y.sin()
    assert z.data_ptr() not in kept
    assert kept.count(y.data_ptr()) == 2


def test_scales_stay_invertible():
    identity = torch.tensor([1.0, 1.0, 1.0, 0.0])
    numbers = torch.tensor([[0.0, -1e-9, 0.5, 0.0]], requires_grad=True)
    kept = keep_invertible(numbers, identity)
    expected = torch.tensor([[SMALLEST_SCALE, -SMALLEST_SCALE, 0.5, 0.0]])
    torch.testing.assert_close(kept, expected)
    kept.sum().backward()
    assert torch.equal(numbers.grad, torch.ones(1, 4))


def test_what_is_overwritten_later_is_not_relied_on():
    x, scale, shift = make()
    y = affine(x.sin(), scale, shift, at(), False)
    y.relu_().sum().backward()
    assert scale.grad.any()


def run(layer, inputs, scale, shift, in_place, is_kept):
    """Return an adapted layer's output, and where lies what backward needs."""
    kept = []

    def pack(tensor):
        kept.append(tensor.data_ptr())
        return tensor

    z = layer(inputs)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = affine(z, scale, shift, at(layer, in_place, inputs), is_kept)
    return y, kept


CONVS = {
    'conv': lambda: nn.Conv2d(C, 5, 3, stride=2, padding=1),
    'depthwise': lambda: nn.Conv2d(C, C, 3, padding=1, groups=C),
    'grouped, no bias': lambda: nn.Conv2d(C, 6, 1, groups=3, bias=False),
    'dilated': lambda: nn.Conv2d(C, 5, 3, dilation=2),
}


@pytest.mark.parametrize('kind', CONVS)
@pytest.mark.parametrize(
    'layout', [torch.contiguous_format, torch.channels_last]
)
def test_frozen_convolutions_keep_no_input(kind, layout):
    layer = CONVS[kind]().double().requires_grad_(False)
    channels = layer.out_channels
    x, *_ = make(layout=layout)
    scale, shift = (
        torch.rand(N, channels, 1, 1, dtype=x.dtype, requires_grad=True)
        for _ in range(2)
    )
    tensors = x, scale, shift
    plain = layer(x.sin()) * scale + shift
    expected = torch.autograd.grad(plain.pow(2).sum(), tensors)
    inputs = x.sin()
    y, kept = run(layer, inputs, scale, shift, True, True)
    assert inputs.data_ptr() not in kept
    torch.testing.assert_close(y, plain)
    found = torch.autograd.grad(y.pow(2).sum(), tensors)
    torch.testing.assert_close(found, expected)
    assert found[0].is_contiguous(memory_format=layout)


NORMS = {
    'layer norm': lambda: nn.LayerNorm(W),
    'batch norm': lambda: nn.BatchNorm2d(C),
    'group norm': lambda: nn.GroupNorm(1, C),
}


@pytest.mark.parametrize('in_place', [False, True])
@pytest.mark.parametrize('kind', NORMS)
def test_norms_keep_their_input_alone(kind, in_place):
    layer = NORMS[kind]().double().eval().requires_grad_(False)
    x, *_ = make()
    shape = (N, 1, 1, W) if kind == 'layer norm' else (N, C, 1, 1)
    scale, shift = (
        torch.rand(shape, dtype=x.dtype, requires_grad=True) for _ in range(2)
    )
    tensors = x, scale, shift
    plain = layer(x.sin()) * scale + shift
    expected = torch.autograd.grad(plain.pow(2).sum(), tensors)
    inputs = x.sin()
    y, kept = run(layer, inputs, scale, shift, in_place, False)
    assert inputs.data_ptr() in kept and y.data_ptr() not in kept
    # Its result may be overwritten.
    found = torch.autograd.grad(y.mul_(1).pow(2).sum(), tensors)
    torch.testing.assert_close(found, expected)


def test_norms_in_half_precision():
    layer = nn.LayerNorm(C).requires_grad_(False)
    x = torch.randn(N, 4, C, requires_grad=True)
    scale, shift = (torch.rand(N, 1, C, requires_grad=True) for _ in '12')
    with torch.autocast('cpu', torch.bfloat16):
        inputs = nn.functional.linear(x, torch.eye(C))
        half = affine(
            layer(inputs),
            scale.to(inputs.dtype),
            shift.to(inputs.dtype),
            at(layer, True, inputs),
            False,
        )
    half.float().pow(2).sum().backward()
    assert all(t.grad.isfinite().all() for t in (x, scale, shift))

"""Products by oneDNN: PyTorch's up to rounding, in inference alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.testing import assert_close

from mmseg_missing import products
from mmseg_missing.products import Conv2d, Linear, linear

BIG = 2, 131, 257  # batch, rows, and channels in: large enough
C_OUT = 67

# PyTorch gives 1x1 convolutions of several threads to oneDNN anyway.
pytestmark = pytest.mark.usefixtures('one_thread')
here = pytest.mark.skipif(
    not (products.IS_X86 and torch.backends.mkldnn.is_available()),
    reason='this build of PyTorch does not take oneDNN here',
)
TRACES = pytest.mark.skipif(
    not hasattr(torch.compiler, 'is_compiling'),
    reason='torch 2.1 and 2.2 trace less',
)


def kernels(run):
    """Return what ``run`` gives and whether oneDNN convolved for it."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        y = run()
    names = {event.key for event in seen.key_averages()}
    return y, 'aten::mkldnn_convolution' in names


@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(BIG)


def layers():
    """Return a pair of each kind, one of ours and PyTorch's."""
    c_in = BIG[-1]
    found = []
    for mine, theirs, kernel in (
        (Linear, nn.Linear, ()),
        (Conv2d, nn.Conv2d, (1,)),
    ):
        a, b = mine(c_in, C_OUT, *kernel), theirs(c_in, C_OUT, *kernel)
        b.load_state_dict(a.state_dict())
        found.append((a, b))
    return found


def as_map(x):
    return x[:, None].permute(0, 3, 1, 2)


@here
@torch.no_grad()
def test_inference_takes_onednn(x):
    (dense, plain), (conv, plain_conv) = layers()
    for layer, other, inputs in (
        (dense, plain, x),
        (conv, plain_conv, as_map(x)),
    ):
        y, is_onednn = kernels(lambda: layer(inputs))  # noqa: B023
        expected, is_too = kernels(lambda: other(inputs))  # noqa: B023
        assert (is_onednn, is_too) == (True, False)
        assert y.shape == expected.shape
        assert y.stride() == expected.stride()
        assert_close(y, expected)


@torch.no_grad()
@pytest.mark.parametrize('shape', [(257,), (3, 257), (2, 3, 5, 257)])
@pytest.mark.parametrize('has_bias', [True, False])
def test_any_shape(monkeypatch, shape, has_bias):
    monkeypatch.setattr(products, 'LEAST_ROWS', 0)
    monkeypatch.setattr(products, 'LEAST_PRODUCTS', 0)
    x, weight = torch.randn(shape), torch.randn(C_OUT, 257)
    bias = torch.randn(C_OUT) if has_bias else None
    assert_close(linear(x, weight, bias), F.linear(x, weight, bias))


def _with_gradient(layer, x):
    return layer(x)


@torch.no_grad()
def _half(layer, x):
    with torch.autocast('cpu', torch.bfloat16):
        return layer(x)


@torch.no_grad()
def _double(layer, x):
    return layer.double()(x.double())


@torch.no_grad()
def _small(layer, x):
    return layer(x[:1, ..., :1, :] if x.ndim == 3 else x[:1, ..., :1])


@torch.no_grad()
def _without(layer, x):
    with torch.backends.mkldnn.flags(enabled=False):
        return layer(x)


@torch.no_grad()
def _far_apart(layer, x):
    """Not in the layout that is one view of rows."""
    return layer(x.mT.contiguous().mT if x.ndim == 3 else x.contiguous())


@pytest.mark.parametrize(
    'way', [_with_gradient, _half, _double, _small, _without, _far_apart]
)
def test_all_else_is_pytorch_s_bit_for_bit(x, way):
    for (layer, plain), inputs in zip(layers(), (x, as_map(x)), strict=True):
        assert torch.equal(way(layer, inputs), way(plain, inputs))


def test_weights_learn_as_pytorch_s(x):
    for (layer, plain), inputs in zip(layers(), (x, as_map(x)), strict=True):
        layer(inputs).square().sum().backward()
        plain(inputs).square().sum().backward()
        assert torch.equal(layer.weight.grad, plain.weight.grad)


@torch.no_grad()
def test_other_convolutions_stay(x):
    inputs = x[:, :64, :64].unflatten(1, (8, 8)).permute(0, 3, 1, 2)
    for options in (
        {'kernel_size': 3, 'padding': 1},
        {'kernel_size': 1, 'stride': 2},
        {'kernel_size': 1, 'padding': 1},
        {'kernel_size': 1, 'groups': 2},
        {'kernel_size': 1, 'padding': 1, 'padding_mode': 'reflect'},
        {'kernel_size': 1, 'padding': 'same'},
    ):
        layer = Conv2d(64, 1024, **options)
        plain = nn.Conv2d(64, 1024, **options)
        plain.load_state_dict(layer.state_dict())
        assert torch.equal(layer(inputs), plain(inputs)), options


def _traced(layer, x):
    return torch.jit.trace(layer, x)


def _exported(layer, x):
    return torch.export.export(layer, (x,)).module()


def _compiled(layer, x):
    torch._dynamo.reset()
    return torch.compile(layer, fullgraph=True, backend='eager')


@torch.no_grad()
@pytest.mark.filterwarnings('ignore::DeprecationWarning')
@pytest.mark.parametrize(
    'record',
    [
        _traced,
        pytest.param(_exported, marks=TRACES),
        pytest.param(_compiled, marks=TRACES),
    ],
)
def test_what_is_recorded_is_the_plain_layer(x, record):
    for (layer, plain), inputs in zip(layers(), (x, as_map(x)), strict=True):
        recorded = record(layer, inputs)
        assert torch.equal(recorded(inputs), plain(inputs))
        _, is_onednn = kernels(lambda: recorded(inputs))  # noqa: B023
        assert not is_onednn

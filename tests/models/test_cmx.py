"""CMX: the published network, at any size and over any two inputs."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmseg_missing.adapters import fold
from mmseg_missing.models import CMX, SegFormerMLPHead

DIMS = (8, 8, 10, 16)
LAYERS = (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.BatchNorm2d)


def tiny(in_channels=(3, 3), **sizes):
    """A network of width 8 whose every number matters."""
    torch.manual_seed(0)
    sizes = {'embed_dims': DIMS, 'depths': (1, 1, 1, 1)} | sizes
    network = CMX(in_channels=in_channels, **sizes)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network.eval()


@pytest.mark.parametrize(
    ('variant', 'expected'),
    [('b2', 66_581_424), ('b4', 139_874_224), ('b5', 181_074_864)],
)
def test_parameters_with_head(variant, expected):
    with torch.device('meta'):
        backbone = CMX(variant)
        head = SegFormerMLPHead([64, 128, 320, 512], num_classes=40)
    parts = (*backbone.parameters(), *head.parameters())
    # Summed from the layers of the published code, whose head has one more
    # bias, without effect.
    assert sum(p.numel() for p in parts) == expected - 512


@pytest.mark.parametrize('in_channels', [[3], [1], [3, 1], [[1, 1], [3, 3]]])
@pytest.mark.parametrize('size', [(64, 96), (37, 71)])
def test_shapes(in_channels, size):
    network = tiny(in_channels)
    x = torch.randn(2, sum(network.in_channels), *size)
    for level, feature in enumerate(network(x)):
        stride = 4 * 2**level
        h, w = (-(-length // stride) for length in size)
        assert feature.shape == (2, DIMS[level], h, w)
        assert feature.is_contiguous(memory_format=torch.channels_last)


def test_few_channels_are_repeated():
    x = torch.randn(2, 3, 33, 35)
    few, three = tiny([1, 2]), tiny([3, 3])
    repeated = x[:, [0, 0, 0, 1, 2, 1]]
    for ours, expected in zip(few(x), three(repeated), strict=True):
        assert_close(ours, expected)


def test_one_stream_is_a_mix_transformer():
    network = tiny([3])
    x = torch.randn(2, 3, 64, 96)
    for ours, expected in zip(network(x), network.streams[0](x), strict=True):
        assert torch.equal(ours, expected)
    assert {name.split('.')[0] for name in network.state_dict()} == {'streams'}


def test_every_parameter_learns():
    network = tiny([3, 5]).train()
    outs = network(torch.randn(2, 8, 64, 64))
    sum((out * torch.randn_like(out)).sum() for out in outs).backward()
    still = [n for n, p in network.named_parameters() if not p.grad.any()]
    assert still == []


def test_start_values():
    network = tiny([3, 3])
    network.init_weights()
    for layer in (network.streams[1].stages[3].norm, network.fuse[0].norm):
        assert (layer.weight == 1).all() and not layer.bias.any()
    for layer in (
        network.streams[0].stages[3].blocks[0].attn.q,
        network.rectify[3].channel[0],
    ):
        # Hundreds of draws: a tenth is some standard errors.
        assert_close(layer.weight.std().item(), 0.02, rtol=0.1, atol=0)
        assert not layer.bias.any()


@pytest.fixture
def adapted_cmx(make_pair):
    return make_pair('cmx')[1]


def test_adapters_sit_on_every_layer(adapted_cmx):
    layers = [
        f'backbone.{name}'
        for name, layer in adapted_cmx.backbone.named_modules()
        if isinstance(layer, LAYERS)
    ]
    sites = [site.name for site in adapted_cmx.adapters.sites]
    assert sorted(sites) == sorted(layers)


@torch.no_grad()
def test_folded_equals_unfolded(adapted_cmx, make_samples, inputs):
    model, inputs = adapted_cmx.double(), inputs.double()
    samples = make_samples([(False, True)] * 2)
    expected = model(inputs, samples)
    fold(model, 'depth')
    assert_close(model(inputs, samples), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ('sizes', 'key'),
    [
        ({'variant': 'b9', 'embed_dims': None, 'depths': None}, 'variant'),
        ({'num_heads': (1, 2, 4, 8)}, 'num_heads'),
        ({'in_channels': []}, 'in_channels'),
        ({'in_channels': [3, 0]}, 'in_channels'),
        ({'in_channels': [3, [1, 0]]}, 'in_channels'),
        ({'in_channels': [3, []]}, 'in_channels'),
        ({'in_channels': [3, 3, 3]}, 'in_channels'),
    ],
)
def test_wrong_config_names_its_key(sizes, key):
    with pytest.raises(ValueError, match=key):
        tiny(**sizes)


def test_wrong_input_says_what_was_expected():
    with pytest.raises(ValueError, match=r'CMX expects 4 channels .* got 6'):
        tiny([3, 1])(torch.zeros(1, 6, 64, 64))

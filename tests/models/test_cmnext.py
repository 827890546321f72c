"""CMNeXt: the published network, at any size and number of modalities."""

import functools

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn
from torch.testing import assert_close

from mmseg_missing.models import CMNeXt, SegFormerMLPHead
from mmseg_missing.models.backbones.cmnext import next_inputs

DIMS = (8, 8, 10, 16)


def tiny(in_channels=(3, 3), **sizes):
    """A network of width 8 whose every number matters."""
    torch.manual_seed(0)
    sizes = {'embed_dims': DIMS, 'depths': (1, 1, 1, 1)} | sizes
    network = CMNeXt(in_channels=in_channels, **sizes)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network.eval()


@pytest.mark.parametrize(
    ('variant', 'modalities', 'classes', 'expected'),
    [
        # Counted from the published code.
        ('b2', 1, 25, 25_785_049),
        ('b2', 2, 25, 58_694_225),
        ('b2', 4, 25, 58_732_125),
        ('b4', 2, 40, 116_576_299),
    ],
)
def test_parameters_with_head(variant, modalities, classes, expected):
    with torch.device('meta'):
        backbone = CMNeXt(variant, in_channels=[3] * modalities)
        head = SegFormerMLPHead([64, 128, 320, 512], num_classes=classes)
    parts = (*backbone.parameters(), *head.parameters())
    assert sum(p.numel() for p in parts) == expected


@pytest.mark.parametrize('in_channels', [[3], [1], [3, 1], [3, 2, 5, 3]])
@pytest.mark.parametrize('size', [(64, 96), (37, 71)])
def test_shapes(in_channels, size):
    x = torch.randn(2, sum(in_channels), *size)
    for level, feature in enumerate(tiny(in_channels)(x)):
        stride = 4 * 2**level
        h, w = (-(-length // stride) for length in size)
        assert feature.shape == (2, DIMS[level], h, w)


def test_few_channels_are_repeated():
    x = torch.randn(2, 6, 33, 35)
    few, three = tiny([3, 1, 2]), tiny([3, 3, 3])
    repeated = x[:, [0, 1, 2, 3, 3, 3, 4, 5, 4]]
    for ours, expected in zip(few(x), three(repeated), strict=True):
        assert_close(ours, expected)


def test_only_many_channels_have_their_own_stem():
    stem, later, *_ = tiny([3, 1, 5, 3, 4]).extra_stages
    assert {n: c.in_channels for n, c in stem.embed.projs.items()} == {
        'shared': 3,
        'own1': 5,
        'own3': 4,
    }
    assert set(later.embed.projs) == {'shared'}


def test_several_extras_are_selected_as_published():
    stage = tiny([3, 3, 3, 3]).extra_stages[0]
    inputs = [torch.randn(2, 3, 33, 35) for _ in range(3)]
    expected = []
    for x, norm, score in zip(
        inputs, stage.embed.norms, stage.scores, strict=True
    ):
        x = stage.embed.projs['shared'](x)
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).square().mean(1, keepdim=True)
        x = (x - mean) / (variance + 1e-6).sqrt()
        x = norm.weight[:, None, None] * x + norm.bias[:, None, None]
        expected.append(x + score(x) * x)
    best = functools.reduce(torch.maximum, expected)
    for block in stage.blocks:
        best = block(best)
    outs, selected = stage(inputs)
    assert_close(outs, expected)
    assert_close(selected, stage.norm(best))


def test_hand_over_as_published():
    x, y, shared = torch.randn(3, 2, 3, 5, 7)
    ours = next_inputs([x, y], shared)
    # The authors read (c, h, w) memory as (h, w, c).
    expected = x.flatten(1).view(2, 5, 7, 3).movedim(3, 1) + shared
    assert_close(ours[0], expected)
    assert next_inputs([x], shared) == [shared]


def test_every_learnable_layer_is_called():
    network = tiny([3, 1, 5])
    called = set()
    for name, layer in network.named_modules():
        if any(True for _ in layer.parameters(recurse=False)):
            layer.register_forward_hook(lambda *_, name=name: called.add(name))
    network(torch.randn(1, 9, 64, 64))
    owners = {
        name.rpartition('.')[0]
        for name, _ in network.named_parameters()
        if not name.endswith(('scale1', 'scale2'))
    }
    assert owners - called == set()


def test_every_parameter_learns():
    network = tiny([3, 1, 5]).train()
    outs = network(torch.randn(2, 9, 64, 64))
    sum((out * torch.randn_like(out)).sum() for out in outs).backward()
    still = [n for n, p in network.named_parameters() if not p.grad.any()]
    assert still == []


def test_start_values():
    network = tiny([3, 3])
    network.init_weights()
    stage = network.extra_stages[3]
    widths = {
        network.stages[3].blocks[0].attn.q: 0.02,
        stage.blocks[0].ffn.fc1: (2 / 64) ** 0.5,
        stage.blocks[0].attn.local: (2 / 49) ** 0.5,
    }
    for layer, width in widths.items():
        # Hundreds of draws: a tenth is some standard errors.
        assert_close(layer.weight.std().item(), width, rtol=0.1, atol=0)
        assert not layer.bias.any()
    assert (stage.norm.weight == 1).all()


def test_one_layout_throughout():
    for out in tiny([3, 1])(torch.randn(1, 4, 64, 96)):
        assert out.is_contiguous(memory_format=torch.channels_last)


def test_stochastic_depth_grows():
    network = MODELS.build(
        {'type': 'CMNeXt', 'embed_dims': DIMS, 'depths': (1, 2, 1, 1)}
    )
    rates = [
        block.drop_path.drop_prob
        for stage in network.stages
        for block in stage.blocks
    ]
    assert_close(rates, [0.0, 0.025, 0.05, 0.075, 0.1])


@pytest.mark.parametrize(
    ('sizes', 'key'),
    [
        ({'variant': 'b9', 'embed_dims': None, 'depths': None}, 'variant'),
        ({'variant': 'b0'}, 'variant'),
        ({'depths': None}, 'depths'),
        ({'depths': (1, 1, 1)}, 'depths'),
        ({'num_heads': (1, 2, 4, 8)}, 'num_heads'),
        ({'sr_ratios': (8, 4)}, 'sr_ratios'),
        ({'in_channels': []}, 'in_channels'),
        ({'in_channels': [3, 0]}, 'in_channels'),
    ],
)
def test_wrong_config_names_its_key(sizes, key):
    with pytest.raises(ValueError, match=key):
        tiny(**sizes)


def test_wrong_input_says_what_was_expected():
    with pytest.raises(ValueError, match=r'expects 4 channels .* got 6'):
        tiny([3, 1])(torch.zeros(1, 6, 64, 64))

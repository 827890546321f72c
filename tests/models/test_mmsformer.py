"""MMSFormer: the published network, at any size and number of modalities."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from torch import nn
from torch.testing import assert_close

import mmseg_missing
from mmseg_missing.adapters import fold
from mmseg_missing.models import (
    MMSFormer,
    MultiScaleFusion,
)
from mmseg_missing.models.backbones import MixTransformer

MODEL_CONFIGS = (
    Path(mmseg_missing.__file__).parents[1] / 'configs/_base_/models'
)
DIMS = (8, 8, 10, 16)


def tiny(in_channels=(3, 3), **sizes):
    """A network of width 8 whose every number matters."""
    torch.manual_seed(0)
    ones = (1, 1, 1, 1)
    sizes = {'embed_dims': DIMS, 'depths': ones, 'extra_depths': ones} | sizes
    network = MMSFormer(in_channels=in_channels, **sizes)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network.eval()


@pytest.mark.parametrize(
    'in_channels', [[3], [1], [3, 1], [3, 2, 5], [3, 1, 2, 3]]
)
@pytest.mark.parametrize('size', [(64, 96), (37, 71)])
def test_shapes(in_channels, size):
    x = torch.randn(2, sum(in_channels), *size)
    for level, feature in enumerate(tiny(in_channels)(x)):
        stride = 4 * 2**level
        h, w = (-(-length // stride) for length in size)
        assert feature.shape == (2, DIMS[level], h, w)


def test_one_modality_is_a_mix_transformer():
    network, x = tiny([3]), torch.randn(2, 3, 37, 71)
    [stream] = network.streams
    assert not hasattr(network, 'fuse')
    for ours, expected in zip(network(x), stream(x), strict=True):
        assert torch.equal(ours, expected)


def test_streams_of_other_sizes():
    network = tiny(
        [3, 1, 2], extra_embed_dims=(4, 6, 5, 8), extra_depths=(2, 1, 1, 3)
    )
    for stream, width, depths in zip(
        network.streams, (8, 4, 4), ([1, 1, 1, 1], *[[2, 1, 1, 3]] * 2)
    ):
        assert stream.out_channels[0] == width
        assert [len(stage.blocks) for stage in stream.stages] == depths
    assert network.out_channels == DIMS
    outs = network(torch.randn(2, 6, 37, 71))
    assert tuple(out.shape[1] for out in outs) == DIMS


@pytest.mark.parametrize(
    ('variant', 'depths'),
    [
        ('b2', [3, 4, 6, 3]),
        ('b3', [3, 4, 18, 3]),
        ('b4', [3, 8, 27, 3]),
    ],
)
def test_published_sizes(variant, depths):
    config = Config.fromfile(f'{MODEL_CONFIGS}/mmsformer_{variant}.py').model
    with DefaultScope.overwrite_default_scope('mmseg'), torch.device('meta'):
        network = MODELS.build({**config.backbone, 'in_channels': [3, 3, 1]})
        head = MODELS.build({**config.decode_head, 'num_classes': 5})
    main, *extras = network.streams
    assert [len(stage.blocks) for stage in main.stages] == depths
    for extra in extras:
        assert extra.out_channels == (64, 128, 320, 512)
        assert [len(stage.blocks) for stage in extra.stages] == [2, 2, 2, 2]
    assert head.in_channels == list(network.out_channels)


def test_few_channels_are_repeated():
    x = torch.randn(2, 6, 33, 35)
    few, three = tiny([3, 1, 2]), tiny([3, 3, 3])
    repeated = x[:, [0, 1, 2, 3, 3, 3, 4, 5, 4]]
    for ours, expected in zip(few(x), three(repeated), strict=True):
        assert_close(ours, expected)


def test_fusion_as_published():
    torch.manual_seed(0)
    fusion = MultiScaleFusion(5, 3, [5, 2, 4], reduction=2).double().eval()
    for parameter in fusion.parameters():
        nn.init.normal_(parameter)
    maps = [torch.randn(2, c, 7, 11).double() for c in (5, 2, 4)]
    x = fusion.merge(torch.cat(maps, 1).movedim(1, 3)).movedim(3, 1)
    y = fusion.ffn.fc1(x.movedim(1, 3)).movedim(3, 1)
    y = fusion.ffn.before(y)
    y = y + sum(conv(y) for conv in fusion.ffn.scales)
    y = F.gelu(fusion.ffn.after(y))
    y = fusion.ffn.fc2(y.movedim(1, 3)).movedim(3, 1)
    gate = fusion.channel(x.mean((2, 3)))[:, :, None, None]
    assert_close(fusion(maps), y + gate * x)
    assert [tuple(w.shape) for w in fusion.channel.parameters()] == [
        (2, 5),
        (5, 2),
    ]


def test_every_learnable_layer_is_called():
    network = tiny([3, 1, 5])
    called = set()
    for name, layer in network.named_modules():
        if any(True for _ in layer.parameters(recurse=False)):
            layer.register_forward_hook(lambda *_, name=name: called.add(name))
    network(torch.randn(1, 9, 64, 64))
    owners = {n.rpartition('.')[0] for n, _ in network.named_parameters()}
    assert owners == called


def test_every_parameter_learns():
    network = tiny([3, 1, 5]).train()
    for fuse in network.fuse:
        fuse.channel[1] = nn.LeakyReLU()  # one narrow ReLU may sleep
    outs = network(torch.randn(2, 9, 64, 64))
    sum((out * torch.randn_like(out)).sum() for out in outs).backward()
    still = [n for n, p in network.named_parameters() if not p.grad.any()]
    assert still == []


def test_start_values(tmp_path):
    """Each stream loads its own file, fitted to its channels."""
    ones, twos = {'depths': (1, 1, 1, 1)}, {'depths': (2, 1, 1, 1)}
    files = {}
    for name, sizes in {'main': ones, 'extra': twos}.items():
        torch.manual_seed(len(name))
        stream = MixTransformer(embed_dims=DIMS, **sizes)
        stream.init_weights()
        files[name] = (stream, tmp_path / f'{name}.pth')
        torch.save({'state_dict': stream.state_dict()}, files[name][1])
    main, extra = (
        {'type': 'Pretrained', 'checkpoint': str(path)}
        for _, path in files.values()
    )
    network = tiny(
        [3, 1, 6],
        extra_depths=twos['depths'],
        init_cfg=main,
        extra_init_cfg=extra,
    )
    network.init_weights()
    for stream, name in zip(network.streams, ('main', 'extra', 'extra')):
        expected = files[name][0].state_dict()
        found = stream.state_dict()
        stem = 'stages.0.embed.proj.weight'
        weight = expected.pop(stem)
        if stream is network.streams[2]:
            weight = weight.repeat(1, 2, 1, 1) / 2
        assert_close(found.pop(stem), weight)
        assert_close(found, expected)
    fuse = network.fuse[3]
    assert_close(fuse.merge.weight.std().item(), 0.02, rtol=0.1, atol=0)
    assert not fuse.ffn.fc2.bias.any()


def test_one_layout_throughout():
    for out in tiny([3, 1])(torch.randn(1, 4, 64, 96)):
        assert out.is_contiguous(memory_format=torch.channels_last)


def test_stochastic_depth_grows_in_every_stream():
    network = MODELS.build(
        {
            'type': 'MMSFormer',
            'embed_dims': DIMS,
            'depths': (1, 2, 1, 1),
            'extra_depths': (1, 1, 0, 1),
        }
    )
    rates = [
        [b.drop_path.drop_prob for stage in s.stages for b in stage.blocks]
        for s in network.streams
    ]
    assert_close(rates[0], [0.0, 0.025, 0.05, 0.075, 0.1])
    assert_close(rates[1], [0.0, 0.05, 0.1])


@pytest.mark.parametrize(
    ('sizes', 'key'),
    [
        ({'variant': 'b9', 'embed_dims': None, 'depths': None}, 'variant'),
        ({'variant': 'b0'}, 'variant'),
        ({'depths': (1, 1, 1)}, r'backbone\.depths'),
        ({'extra_depths': (1, 1, 1)}, 'extra_depths'),
        ({'extra_embed_dims': (8, 8)}, 'extra_embed_dims'),
        ({'extra_embed_dims': (8, 7, 10, 16)}, r'\[8, 7, 10, 16\].*num_heads'),
        ({'in_channels': []}, 'in_channels'),
        ({'in_channels': [3, 0]}, 'in_channels'),
    ],
)
def test_wrong_config_names_its_key(sizes, key):
    with pytest.raises(ValueError, match=key):
        tiny(**sizes)


def test_wrong_input_says_what_was_expected():
    with pytest.raises(ValueError, match=r'MMSFormer expects 4 .* got 6'):
        tiny([3, 1])(torch.zeros(1, 6, 64, 64))


def test_adapters_hang_on_every_layer_and_fold(
    make_pair, make_segmentor, inputs, make_samples
):
    _, model = make_pair('mmsformer')
    kinds = (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.BatchNorm2d)
    layers = {
        f'backbone.{name}'
        for name, layer in model.backbone.named_modules()
        if isinstance(layer, kinds)
    }
    assert {site.name for site in model.adapters.sites} == layers
    assert all(site.is_kept for site in model.adapters.sites)
    samples = make_samples([(False, True)] * 2)
    with torch.no_grad():
        expected = model(inputs, samples)
        biases = fold(model, 'depth')
        plain = make_segmentor(
            'mmsformer', folded={'combination': 'depth', 'biases': biases}
        )
        plain.load_state_dict(model.state_dict())
        assert_close(plain(inputs, samples), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('in_channels', [[3, 1, 2], [3, 1, 2, 3]])
@torch.no_grad()
def test_adapters_for_more_modalities(
    make_segmentor, train_rows, make_samples, in_channels
):
    backbone = {
        'type': 'MMSFormer',
        'embed_dims': DIMS,
        'depths': (1, 1, 1, 1),
        'extra_depths': (1, 1, 1, 1),
        'in_channels': in_channels,
    }
    count = len(in_channels)
    names = ('rgb', 'depth', 'dolp', 'nir')[:count]
    stack = [
        {'name': name, 'channels': channels}
        for name, channels in zip(names, in_channels, strict=True)
    ]
    network = (backbone, DIMS)
    adapter = {'type': 'ScaleShift', 'rows': 'table'}
    base = make_segmentor(network, stack=stack)
    model = make_segmentor(network, stack=stack, adapter=adapter)
    model.load_state_dict(base.state_dict(), strict=False)
    train_rows(model)
    x = torch.randn(2, sum(in_channels), 32, 64)
    full, first = [True] * count, [True] + [False] * (count - 1)
    expected = base(x)
    logits = model(x, make_samples([full, first]))
    assert torch.equal(logits[0], expected[0])
    assert not torch.allclose(logits[1], expected[1], atol=0.1)

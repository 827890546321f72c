"""One stream for all modalities, with norms and stems of their own."""

import copy

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn
from torch.nn.functional import softplus

from mmseg_missing.adapters import (
    adapted,
    check_hooks,
    find_foldable_norms,
    fold,
    fold_norms,
)
from mmseg_missing.models.backbones import SharedStreamBackbone

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
RESNET = {
    'type': 'ResNet',
    'depth': 18,
    'base_channels': 8,
    'stem_channels': 8,
}
MIT = {
    'type': 'MixVisionTransformer',
    'embed_dims': 8,
    'num_layers': [1, 1, 1, 1],
    'num_heads': [1, 1, 2, 2],
}
SWIN = {
    'type': 'SwinTransformer',
    'embed_dims': 8,
    'depths': [1, 1, 1, 1],
    'num_heads': [1, 1, 2, 2],
    'window_size': 3,
}
BACKBONES = {'resnet': RESNET, 'mit': MIT, 'swin': SWIN}
CONFIG = {
    'type': 'SharedStreamBackbone',
    'backbone': RESNET,
    'in_channels': [3, 1],
}


@pytest.fixture(params=BACKBONES)
def pretrained(request, tmp_path):
    """A plain network and the config that loads its weights."""
    network = MODELS.build(BACKBONES[request.param])
    path = str(tmp_path / 'weights.pth')
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and 'relative' not in name:
            tensor.uniform_(0.1, 0.3)
    torch.save({'state_dict': network.state_dict()}, path)
    network.eval()  # never chained: several of them return None
    init_cfg = {'type': 'Pretrained', 'checkpoint': path}
    return network, dict(BACKBONES[request.param], init_cfg=init_cfg)


@torch.no_grad()
def test_rgb_weights_serve_every_modality(pretrained):
    plain, cfg = pretrained
    model = SharedStreamBackbone(cfg, [3, 1])
    model.init_weights()
    model.eval()
    rgb, depth = torch.randn(2, 3, 64, 96), torch.randn(2, 1, 64, 96)
    inputs = torch.cat((rgb, depth), 1)
    of_rgb, of_depth = plain(rgb), plain(depth.expand(-1, 3, -1, -1))
    with model.told(torch.tensor([FULL, RGB])):
        mixed = model(inputs)
    with model.told(torch.tensor([DEPTH, DEPTH])):
        alone = model(inputs)
    for m, a, x, y in zip(mixed, alone, of_rgb, of_depth, strict=True):
        # The sum over channels is taken in another order.
        close = {'rtol': 1e-3, 'atol': 1e-4}
        torch.testing.assert_close(m[0], (x[0] + y[0]) / 2, **close)
        torch.testing.assert_close(m[1], x[1], **close)
        torch.testing.assert_close(a, y, **close)


def test_what_is_shared():
    plain = {n for n, _ in MODELS.build(RESNET).named_parameters()}
    model = SharedStreamBackbone(RESNET, [3, 1, 5])
    own = {n for n in plain if 'bn' in n or n == 'conv1.weight'}
    own |= {n for n in plain if 'downsample.1' in n}
    expected = {f'stream.{name}' for name in plain - own} | {'weights'}
    for name in own:
        layer, weight = name.rsplit('.', 1)
        expected |= {f'stream.{layer}.{m}.{weight}' for m in range(3)}
    assert {name for name, _ in model.named_parameters()} == expected
    stems = [conv.weight.shape[1] for conv in model.stream.conv1]
    assert stems == [3, 1, 5]


def test_own_weights_load_again():
    model = SharedStreamBackbone(RESNET, [3, 1])
    other = SharedStreamBackbone(RESNET, [3, 1])
    other.load_state_dict(model.state_dict())
    state = model.state_dict()
    torch.testing.assert_close(other.state_dict(), state, rtol=0, atol=0)


@torch.no_grad()
def test_levels_are_divided_by_what_is_present():
    """sum of a_m w_m F_m over sum of a_m w_m, for every subset of three."""
    model = SharedStreamBackbone(RESNET, [1, 1, 1]).double().eval()
    model.weights.uniform_(-1, 1)
    present = torch.tensor(
        [[bool(i >> m & 1) for m in range(3)] for i in range(1, 8)]
    )
    inputs = torch.randn(1, 3, 32, 32).double().expand(7, -1, -1, -1)
    with model.told(present):
        levels = model(inputs)
    counts = softplus(model.weights)[:, None] * present  # (levels, 7, 3)
    for level, count in zip(levels, counts, strict=True):
        alone = level[[0, 1, 3]]  # the first, the second, the third
        expected = torch.einsum('nm,mchw->nchw', count, alone)
        expected = expected / count.sum(1)[:, None, None, None]
        torch.testing.assert_close(level, expected)
        assert not torch.allclose(alone[0], alone[1])


def test_weights_of_the_mean():
    model = SharedStreamBackbone(RESNET, [3, 1]).eval()
    inputs = torch.randn(2, 4, 64, 64)
    with torch.no_grad(), model.told(torch.tensor([RGB, RGB])):
        expected = model(inputs)
    with torch.no_grad():
        model.weights[:, 1] = -50.0  # softplus: nothing
    with model.told(torch.tensor([FULL, FULL])):
        found = model(inputs)
    for level, other in zip(found, expected, strict=True):
        torch.testing.assert_close(level, other)
    sum(level.sum() for level in found).backward()
    assert model.weights.grad.isfinite().all()


def test_statistics_see_only_what_is_present():
    model = SharedStreamBackbone(RESNET, [3, 1]).train()
    inputs = torch.randn(3, 4, 64, 64)
    inputs[0, 3:] = torch.nan
    with model.told(torch.tensor([RGB, FULL, RGB])):
        levels = model(inputs)
    assert all(level.isfinite().all() for level in levels)
    depth = model.stream.conv1[1](inputs[1:2, 3:])
    norm = model.stream.bn1[1]
    torch.testing.assert_close(norm.running_mean, 0.1 * depth.mean((0, 2, 3)))
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {int(norm.num_batches_tracked) for norm in norms} == {1}
    with model.told(torch.tensor([RGB, RGB, RGB])):
        model(torch.randn(3, 4, 64, 64))
    assert int(norm.num_batches_tracked) == 1


@torch.no_grad()
def test_what_nobody_has_does_not_run():
    model = SharedStreamBackbone(RESNET, [3, 1]).eval()
    inputs = torch.randn(2, 4, 64, 64)
    inputs[:, :3] = torch.nan
    with model.told(torch.tensor([DEPTH, DEPTH])):
        assert all(level.isfinite().all() for level in model(inputs))


def test_it_must_be_told():
    model = SharedStreamBackbone(RESNET, [3, 1])
    inputs = torch.randn(2, 4, 64, 64)
    for present in ([FULL], [FULL] * 3):
        with (
            model.told(torch.tensor(present)),
            pytest.raises(RuntimeError, match='MissingModalitySegmentor'),
        ):
            model(inputs)
    with pytest.raises(RuntimeError, match='MissingModalitySegmentor'):
        model(inputs)
    with pytest.raises(RuntimeError, match='recomputing'):
        model.stream(inputs[:, :3])


@pytest.fixture
def pair(make_pair):
    return make_pair((CONFIG, [8, 16, 32, 64]))


@torch.no_grad()
def test_segmentor_tells(pair, inputs, make_samples):
    base, model = pair
    dirty = inputs.clone()
    dirty[1, 3:] = torch.nan
    samples = make_samples([FULL, RGB])
    for network in pair:
        logits = network(dirty, samples)
        assert logits.isfinite().all()
    assert torch.equal(model(inputs), base(inputs))
    assert torch.equal(logits[0], base(inputs)[0])
    assert not torch.allclose(logits[1], base(dirty, samples)[1])
    # Which fill stands in for what is absent plays no part.
    network.fill = dict.fromkeys(model.stack.names, 'black')
    torch.testing.assert_close(network(dirty, samples), logits)


def test_adapters_of_a_mixed_batch(pair, inputs, make_samples):
    _, model = pair
    check_hooks(model)
    norms = [s.name for s in model.adapters.sites if '.bn1.' in s.name]
    assert {name[-2:] for name in norms} == {'.0', '.1'}
    model, inputs = model.double(), inputs.double()
    logits = model(inputs, make_samples([RGB, DEPTH]))
    for i, present in enumerate([RGB, DEPTH]):
        one = model(inputs[i : i + 1], make_samples([present]))
        torch.testing.assert_close(logits[i : i + 1], one)
    logits.square().sum().backward()
    assert all(row.grad.any() for row in model.adapters.rows.table.values())


@torch.no_grad()
def test_folded(pair, inputs, make_samples):
    model = pair[1].double()
    samples = make_samples([RGB, RGB])
    expected = model(inputs.double(), samples)
    fold(model, 'rgb')
    assert not any(adapted(model))
    found = model(inputs.double(), samples)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_norms_after_shared_layers_stay(pair, inputs):
    """A convolution before two norms cannot take both in."""
    model = pair[0].double()
    x = inputs.double().requires_grad_()
    norms = find_foldable_norms(model, lambda: model(x))
    assert norms == {
        f'backbone.stream.bn1.{m}': f'backbone.stream.conv1.{m}'
        for m in range(2)
    }
    expected = model(x).detach()
    fold_norms(model, norms)
    torch.testing.assert_close(model(x), expected)


def test_base_trains(make_segmentor, inputs, make_samples):
    model = make_segmentor((CONFIG, [8, 16, 32, 64]), sampler='uniform')
    losses = model.train()(inputs, make_samples([FULL, FULL]), 'loss')
    losses['decode.loss_ce'].backward()
    assert model.backbone.stream.layer1[0].conv1.weight.grad.any()


@torch.no_grad()
def test_copies_are_independent(pair, inputs, make_samples):
    _, model = pair
    samples = make_samples([RGB, FULL])
    expected = model(inputs, samples)
    twin = copy.deepcopy(model)
    assert torch.equal(twin(inputs, samples), expected)
    twin.backbone.stream.bn1[0].weight.zero_()
    assert not torch.equal(twin(inputs, samples), expected)
    assert torch.equal(model(inputs, samples), expected)


@pytest.mark.slow
@torch.no_grad()
def test_compile(pair, inputs):
    backbone = pair[0].backbone
    torch._dynamo.reset()
    compiled = torch.compile(backbone, fullgraph=True, backend='eager')
    for present in ([FULL, RGB], [DEPTH, DEPTH]):
        with backbone.told(torch.tensor(present)):
            found, expected = compiled(inputs), backbone(inputs)
        for level, other in zip(found, expected, strict=True):
            torch.testing.assert_close(level, other)


@pytest.mark.parametrize(
    'options, message',
    [
        ({'in_channels': [3, 0]}, 'at least 1, got 0'),
        ({'backbone': dict(RESNET, in_channels=4)}, '`in_channels` out of'),
        ({'backbone': {'type': 'BiSeNetV2'}}, 'BiSeNetV2 cannot be'),
    ],
)
def test_wrong_configs_name_the_key(options, message):
    options = dict({'backbone': RESNET, 'in_channels': [3, 1]}, **options)
    with pytest.raises(ValueError, match=message):
        SharedStreamBackbone(**options)

"""One plain backbone whose first convolution sees all modalities."""

import copy

import pytest
import torch
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS

from mmseg_missing.adapters import load_base

FULL, RGB = (True, True), (True, False)
RESNET = {
    'type': 'ResNetV1c',
    'depth': 18,
    'base_channels': 8,
    'stem_channels': 8,
    'norm_cfg': {'type': 'BN'},
}
MIT = {
    'type': 'MixVisionTransformer',
    'embed_dims': 8,
    'num_layers': [1, 1, 1, 1],
    'num_heads': [1, 1, 2, 2],
}
BACKBONES = {'resnet': RESNET, 'mit': MIT}
CHANNELS = {'resnet': [8, 16, 32, 64], 'mit': [8, 8, 16, 16]}


def early(backbone, in_channels=(3, 1)):
    return {
        'type': 'EarlyFusionBackbone',
        'backbone': backbone,
        'in_channels': list(in_channels),
    }


@pytest.fixture(params=BACKBONES)
def name(request):
    return request.param


@pytest.fixture
def pretrained(name, tmp_path):
    """A plain network and the config that loads its weights."""
    network = MODELS.build(BACKBONES[name])
    path = str(tmp_path / 'weights.pth')
    torch.save({'state_dict': network.state_dict()}, path)
    network.eval()  # never chained: several of them return None
    init_cfg = {'type': 'Pretrained', 'checkpoint': path}
    return network, dict(BACKBONES[name], init_cfg=init_cfg)


@torch.no_grad()
def test_it_starts_as_the_rgb_network(pretrained):
    plain, cfg = pretrained
    given = copy.deepcopy(cfg)
    model = MODELS.build(early(cfg, [3, 1, 2]))
    model.init_weights()
    model.eval()
    inputs = torch.randn(2, 6, 64, 64)
    for level, other in zip(model(inputs), plain(inputs[:, :3]), strict=True):
        # The sum over channels is taken in another order.
        torch.testing.assert_close(level, other, rtol=1e-4, atol=1e-4)
    assert type(model) is type(plain)
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert cfg == given


def test_the_other_channels_learn(pretrained):
    model = MODELS.build(early(pretrained[1]))
    model.init_weights()
    model(torch.randn(2, 4, 64, 64))[-1].square().sum().backward()
    convs = (m for m in model.modules() if isinstance(m, torch.nn.Conv2d))
    weight = next(convs).weight
    assert not weight[:, 3:].any() and weight.grad[:, 3:].any()


@torch.no_grad()
def test_a_whole_rgb_checkpoint_loads(
    name, make_segmentor, make_config, inputs, tmp_path
):
    """Through `load_from`, and a checkpoint of one's own as it is."""
    network = BACKBONES[name], CHANNELS[name]
    rgb = make_segmentor(network, stack=[{'name': 'rgb'}])
    model = make_segmentor((early(BACKBONES[name]), CHANNELS[name]))
    path = str(tmp_path / 'rgb.pth')
    torch.save({'state_dict': rgb.state_dict()}, path)
    twin = copy.deepcopy(model)
    load_checkpoint(twin, path, map_location='cpu')
    torch.testing.assert_close(
        twin(inputs), rgb(inputs[:, :3]), rtol=1e-4, atol=1e-4
    )
    assert not torch.allclose(model(inputs), twin(inputs))
    twin.load_state_dict(model.state_dict())
    assert torch.equal(model(inputs), twin(inputs))


@torch.no_grad()
def test_adapters_know_its_names(
    name, make_segmentor, train_rows, inputs, make_samples
):
    """A plain network over four channels is a base of it."""
    backbone = {**BACKBONES[name], 'in_channels': 4}
    base = make_segmentor((backbone, CHANNELS[name]))
    base.requires_grad_(False)
    network = early(BACKBONES[name]), CHANNELS[name]
    model = make_segmentor(network, adapter={'type': 'ScaleShift'})
    load_base(model, base.state_dict(), 'base.pth')
    train_rows(model)
    assert torch.equal(model(inputs), base(inputs))
    samples = make_samples([FULL, RGB])
    logits, expected = model(inputs, samples), base(inputs, samples)
    assert torch.equal(logits[0], expected[0])
    assert not torch.allclose(logits[1], expected[1])


@pytest.mark.parametrize(
    'backbone, in_channels, message',
    [
        (RESNET, [], 'takes at least one modality'),
        (RESNET, [1, 3], 'put `rgb` first'),
        ({'type': 'BiSeNetV2'}, [3, 1], 'BiSeNetV2 cannot be'),
    ],
)
def test_wrong_configs_name_the_key(backbone, in_channels, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(early(backbone, in_channels))

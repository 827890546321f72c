"""The wrapper that adapts a backbone and lets the head learn on."""

import copy

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

from mmseg_missing.adapters import adapted, load_base

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
MODALITIES = [{'name': 'rgb'}, {'name': 'depth', 'channels': 1}]
RESNET = {
    'type': 'ResNet',
    'depth': 18,
    'base_channels': 8,
    'stem_channels': 8,
    'in_channels': 4,
}
WRAPPER = {
    'type': 'AdaptedBackbone',
    'backbone': RESNET,
    'adapter': {'type': 'ScaleShift'},
    'stack': MODALITIES,
}


def build(config):
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(ConfigDict(copy.deepcopy(config)))


@pytest.fixture
def model(make_segmentor):
    return make_segmentor((WRAPPER, [8, 16, 32, 64]), sampler='round_robin')


@pytest.fixture
def base(make_segmentor):
    return make_segmentor('one resnet')


def test_it_is_that_backbone(model):
    assert type(model.backbone).__name__ == 'ResNet'
    assert [name for name, _ in adapted(model)] == ['backbone']
    names = [site.name for site in model.backbone.adapters.sites]
    assert names[0] == 'conv1' and 'layer4.1.bn2' in names


def test_a_base_checkpoint_loads(model, base, inputs, train_rows):
    result = model.load_state_dict(base.state_dict(), strict=False)
    assert set(result.missing_keys) == {
        'backbone.adapters.rows.table.rgb',
        'backbone.adapters.rows.table.depth',
        'backbone.adapters.rows.anchor',
        'backbone.adapters.samples_seen',
    }
    assert not result.unexpected_keys
    load_base(model, base.state_dict(), 'base.pth')
    train_rows(model)
    with torch.no_grad():
        assert torch.equal(model(inputs), base(inputs))


def test_only_the_backbone_is_frozen(model):
    assert model.train() is model
    for name, module in model.named_modules():
        is_frozen = name.startswith('backbone') and 'adapters' not in name
        assert module.training != is_frozen, name
    for name, weight in model.named_parameters():
        is_frozen = name.startswith('backbone') and 'adapters' not in name
        assert weight.requires_grad != is_frozen, name
    model.backbone.train()
    assert not model.backbone.bn1.training


def test_frozen_after_init_weights(model):
    model.init_weights()
    test_only_the_backbone_is_frozen(model)
    assert not any(r.any() for r in model.backbone.adapters.rows.parameters())


def test_head_and_drawn_rows_learn(model, inputs, make_samples):
    model.train()
    start = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
    losses = model(inputs, make_samples([RGB, FULL]), 'loss')
    losses['decode.loss_ce'].backward()
    optimizer.step()
    for key, value in model.state_dict().items():
        is_learnt = key.startswith('decode_head.') or 'table' in key
        is_learnt |= key.endswith('samples_seen')
        assert torch.equal(value, start[key]) != is_learnt, key


def test_drawn_rows_alone_learn(model, inputs, make_samples):
    model.train()
    losses = model(inputs, make_samples([DEPTH, DEPTH]), 'loss')
    losses['decode.loss_ce'].backward()
    rows = model.backbone.adapters.rows.table
    assert rows['rgb'].grad is None and rows['depth'].grad.any()
    assert model.backbone.adapters.samples_seen.tolist() == [0, 2]


def test_not_both_ways(make_segmentor):
    with pytest.raises(ValueError, match='not to both'):
        make_segmentor(
            (WRAPPER, [8, 16, 32, 64]), adapter={'type': 'ScaleShift'}
        )


@pytest.mark.parametrize('names', [['rgb', 'hha'], ['depth', 'rgb']])
def test_stacks_must_agree(make_segmentor, names):
    stack = [{'name': name, 'channels': 2} for name in names]
    wrapper = {**WRAPPER, 'stack': stack}
    with pytest.raises(ValueError, match=r'`model\.backbone\.stack` is'):
        make_segmentor((wrapper, [8, 16, 32, 64]))


@pytest.mark.parametrize('mode', ['tensor', 'predict', 'loss'])
def test_segmentor_that_does_not_tell(make_config, inputs, make_samples, mode):
    config = make_config((WRAPPER, [8, 16, 32, 64]))
    config['type'] = 'EncoderDecoder'
    del config['stack']
    with pytest.raises(RuntimeError, match='`MissingModalitySegmentor`'):
        build(config)(inputs, make_samples([FULL, FULL]), mode)


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'adapter': {'sites': ['fc']}}, "'fc' matched no"),
        ({'adapter': {'kind': 'ScaleShift'}}, r"\['kind'\]"),
        ({'stack': []}, 'check `modalities`'),
    ],
)
def test_wrong_keys(settings, words):
    with pytest.raises(ValueError, match=words):
        build({**WRAPPER, **settings})


def test_config_stays_as_it_is():
    config = ConfigDict(copy.deepcopy(WRAPPER))
    given = copy.deepcopy(config)
    with DefaultScope.overwrite_default_scope('mmseg'):
        MODELS.build(config)
    assert config == given


class Declaring(torch.nn.Module):
    """A backbone that cuts its batch and says so."""

    batch_major_sites = ('inner',)

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(4, 4)
        self.outer = torch.nn.Conv2d(4, 8, 1)


def test_declared_batch_major_sites(monkeypatch):
    monkeypatch.setitem(MODELS._module_dict, 'Declaring', Declaring)
    network = build({**WRAPPER, 'backbone': {'type': 'Declaring'}})
    majors = {s.name: s.is_batch_major for s in network.adapters.sites}
    assert majors == {'inner': True, 'outer': False}


class LayerNorm2d(torch.nn.LayerNorm):
    """Named as that of mmpretrain, whose caller says where channels lie."""


class ConvNeXtBlock(torch.nn.Module):
    def __init__(self, linear_pw_conv):
        super().__init__()
        self.linear_pw_conv = linear_pw_conv
        self.norm = LayerNorm2d(3)


class ConvNeXt(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = LayerNorm2d(3)
        self.linear, self.conv = ConvNeXtBlock(True), ConvNeXtBlock(False)


def test_norms_of_convnext_are_known(monkeypatch):
    monkeypatch.setitem(MODELS._module_dict, 'Stand-in', ConvNeXt)
    network = build({**WRAPPER, 'backbone': {'type': 'Stand-in'}})
    dims = {site.name: site.channel_dim for site in network.adapters.sites}
    assert dims == {'stem': 1, 'linear.norm': -1, 'conv.norm': 1}


def test_windows_of_swin_are_known(make_segmentor):
    model = make_segmentor('one swin', adapter={'type': 'ScaleShift'})
    majors = {s.name for s in model.adapters.sites if s.is_batch_major}
    assert majors and all('.w_msa.' in name for name in majors)
    assert {name.rsplit('.', 1)[1] for name in majors} == {'qkv', 'proj'}


def test_stack_of_another_order_is_refused(make_segmentor):
    wrapper = {**WRAPPER, 'stack': MODALITIES[::-1]}
    with pytest.raises(ValueError, match=r'backbone\.stack` is depth\+rgb'):
        make_segmentor((wrapper, [8, 16, 32, 64]))

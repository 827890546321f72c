"""Networks of a user's own as fills, from a config to results."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import nn

from mmseg_missing.adapters import fingerprint, read_adapter, save_adapter
from mmseg_missing.apis import Inferencer, init_model
from mmseg_missing.apis.fold import fold_checkpoint
from mmseg_missing.apis.score import score
from mmseg_missing.apis.train import train

SIZE = 32, 64


class Guess(BaseModule):
    """Depth from colours, with weights and norms of its own."""

    def __init__(self, bias=1.0):
        super().__init__({'type': 'Constant', 'layer': 'Conv2d', 'val': 0.5})
        self.conv = nn.Conv2d(3, 1, 3, padding=1)
        self.norm = nn.BatchNorm2d(1)
        self.bias = bias

    def forward(self, seen):
        """Return depth where there are colours."""
        if 'rgb' not in seen:
            return None
        return self.norm(self.conv(seen['rgb'])) + self.bias


@pytest.fixture(autouse=True)
def registered():
    MODELS.register_module('Guess', module=Guess)
    yield
    del MODELS.module_dict['Guess']


FILL = {'depth': {'type': 'Guess', 'bias': 2.0}}


@pytest.fixture
def own(load):
    """A config of adapters with such a fill."""
    return load('tiny-ssf', model__fill=FILL)


@pytest.fixture
def saved(own, files, tmp_path):
    """The network of that config, and its adapter file."""
    torch.manual_seed(0)
    network = init_model(own, files.base)
    network.adapters.samples_seen += 1
    with torch.no_grad():
        for row in network.adapters.rows.parameters():
            row.normal_(0, 0.1)
    path = tmp_path / 'adapter.safetensors'
    save_adapter(network, path, {'fill': network.fill, 'root': ''})
    return SimpleNamespace(network=network, path=path)


@torch.no_grad()
def logits(model, names='rgb+thermal', x=None):
    if x is None:
        generator = torch.Generator().manual_seed(3)
        x = torch.randn(1, 5, *SIZE, generator=generator)
    present = model.stack.present(names)
    return model.encode_decode(x, [{'present': present[0], 'img_shape': SIZE}])


def test_it_stands_in_for_what_is_absent(load, own, files):
    base = init_model(load(), files.base)
    model = init_model(own, files.base)
    assert model.fill['depth'] == 'external'
    x = torch.randn(1, 5, *SIZE)
    guess = Guess(2.0)
    guess.init_weights()
    with torch.no_grad():
        x[:, 3:4] = guess.eval()({'rgb': x[:, :3]})
    spoilt = x.clone()
    spoilt[:, 3] = torch.nan
    full = base.stack.full
    assert torch.equal(logits(model, x=spoilt), logits(base, full, x))
    assert torch.equal(logits(model, full, x), logits(base, full, x))
    # Without colours it tells nothing.
    thermal = logits(model, 'thermal', x), logits(base, 'thermal', x)
    assert torch.equal(*thermal)


def test_no_file_holds_it(load, own, files, saved):
    base, model = init_model(load('tiny-ssf'), files.base), saved.network
    assert set(model.state_dict()) == set(base.state_dict())
    assert fingerprint(model) == fingerprint(base)
    names = dict(model.named_parameters())
    assert set(names) == set(dict(base.named_parameters()))
    metadata, tensors = read_adapter(saved.path)
    assert metadata['fill'] == {
        'rgb': 'zero',
        'depth': 'external',
        'thermal': 'zero',
    }
    assert set(tensors) == set(read_adapter(files.adapter)[1])


@pytest.mark.parametrize('name', ['tiny', 'tiny-ssf'])
def test_an_adapter_file_takes_it_from_the_config(load, files, saved, name):
    cfg = load(name, model__fill=FILL)
    again = init_model(cfg, files.base, saved.path)
    assert torch.equal(logits(again), logits(saved.network))


@pytest.mark.parametrize('fill', ['zero', {'thermal': FILL['depth']}])
def test_an_adapter_file_alone_says_what_it_lacks(load, files, saved, fill):
    cfg = load(model__fill=fill)
    with pytest.raises(ValueError, match=r"your own that fills 'depth'.*conf"):
        init_model(cfg, files.base, saved.path)


def test_folded(load, own, files, saved, tmp_path):
    out = tmp_path / 'folded.pth'
    fold_checkpoint(own, files.base, out, 'rgb+thermal', saved.path)
    for config in (own, tmp_path / 'folded.py', load(model__fill=FILL)):
        folded = init_model(config, out)
        torch.testing.assert_close(
            logits(folded), logits(saved.network), rtol=1e-4, atol=1e-4
        )
    with pytest.raises(ValueError, match=r"your own that fills 'depth'"):
        init_model(load(), out)


def test_one_frame(own, files, saved):
    segment = Inferencer(own, files.base, saved.path)
    frame = {'rgb': np.full((*SIZE, 3), 100, np.uint8)}
    assert segment(frame).shape == SIZE


def test_training_leaves_it_alone(own, files, tmp_path):
    own.merge_from_dict({'base': str(files.base), 'work_dir': str(tmp_path)})
    own.launcher = 'none'
    [guess] = train(own).model._networks.values()
    assert (guess.conv.weight == 0.5).all()
    assert not guess.norm.running_mean.any()
    [path] = tmp_path.glob('*.safetensors')
    assert read_adapter(path)[0]['fill']['depth'] == 'external'
    joined, usual = (
        torch.load(file, weights_only=False)['state_dict']
        for file in (tmp_path / 'epoch_1.pth', files.joined)
    )
    assert set(joined) == set(usual)
    init_model(own, tmp_path / 'epoch_1.pth')


def test_frozen(own, files):
    model = init_model(own, files.base).train()
    [guess] = model._networks.values()
    assert not guess.norm.training
    assert not any(p.requires_grad for p in guess.parameters())
    twin = copy.deepcopy(model)
    assert twin._networks['depth'] is not guess


def test_scored(own, files, saved, tmp_path):
    own.launcher, own.work_dir = 'none', str(tmp_path)
    report = score(own, files.base, saved.path)
    assert 'depth=external' in report.fill


def test_any_callable_in_python(load, files, tmp_path):
    """It runs; a run that writes its config down refuses it."""
    cfg = load('tiny-ssf')
    cfg.model.fill = {'thermal': lambda seen: seen['rgb'][:, :1]}
    model = init_model(cfg, files.base)
    base = init_model(load('tiny-ssf'), files.base)
    assert not torch.equal(logits(model, 'rgb'), logits(base, 'rgb'))
    cfg.launcher, cfg.work_dir = 'none', str(tmp_path)
    words = r'`model\.fill\.thermal` is a function.*dict\(type='
    with pytest.raises(ValueError, match=words):
        score(cfg, files.base)
    with pytest.raises(ValueError, match=words):
        fold_checkpoint(cfg, files.base, tmp_path / 'a.pth', 'rgb')


@pytest.mark.parametrize(
    ('fill', 'words'),
    [
        ({'depth': {'type': 'Gess'}}, r'model\.fill\.depth.*Gess'),
        ({'depth': {'type': 'Guess', 'bais': 1}}, r'model\.fill\.depth.*bais'),
        ({'depth': {'type': 'mmengine.StackedLSTM'}}, 'model'),
        ({'depth': {'bias': 1}}, r'unknown fill .*bias.*`model\.fill`'),
        ({'depth': 'external'}, r"your own that fills 'depth'"),
        ({'type': 'Guess'}, 'fills one modality'),
    ],
)
def test_bad_configs_are_named(load, files, fill, words):
    with pytest.raises((KeyError, TypeError, ValueError), match=words) as e:
        init_model(load(model__fill=fill), files.base)
    assert '\n' not in str(e.value)

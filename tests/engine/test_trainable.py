"""Parts that learn on beside the adapters."""

import copy

import pytest
import torch

from mmseg_missing.adapters import fingerprint, read_adapter
from mmseg_missing.apis.model import load_weights
from mmseg_missing.engine.checkpoints import read_checkpoint
from mmseg_missing.engine.hooks import adapter_checkpoint_hook

ADAPTER = {'type': 'ScaleShift'}
CHECK = {'type': 'FrozenBaseCheckHook'}
HEAD = ['decode_head']


@pytest.fixture
def join(base):
    return {'type': 'AdapterCheckpointHook', 'base': base}


@pytest.fixture
def train(make_runner, join):
    """Return a function that trains adapters and a head."""

    def train(trainable=HEAD, hooks=(), **settings):
        runner = make_runner(
            adapter=ADAPTER,
            trainable=trainable,
            hooks=[join, CHECK, *hooks],
            **settings,
        )
        runner.train()
        return runner

    return train


def moved(runner, base):
    given = torch.load(base, weights_only=True)['state_dict']
    state = runner.model.state_dict()
    return {k for k, v in given.items() if not torch.equal(state[k], v)}


def test_the_head_learns_and_nothing_else_of_the_base(train, base):
    names = moved(train(), base)
    assert {'decode_head.conv_seg.weight', 'decode_head.conv_seg.bias'} < names
    assert 'decode_head.convs.0.bn.running_mean' in names
    assert all(name.startswith('decode_head.') for name in names)


def test_parts_by_pattern(train, base):
    names = moved(train(['conv_seg']), base)
    assert names == {
        'decode_head.conv_seg.weight',
        'decode_head.conv_seg.bias',
    }


def test_modes(make_runner):
    """Norms and dropout of the head follow train(), others stay in eval."""
    model = make_runner(adapter=ADAPTER, trainable=HEAD).model
    twin = copy.deepcopy(model)
    for network in (model.train(), twin.train()):
        assert network.decode_head.convs[0].bn.training
        assert network.decode_head.dropout.training
        assert not network.backbone.bn1.training
        network.eval()
        assert not any(part.training for part in network.modules())
    assert {n for n, p in model.named_parameters() if p.requires_grad} == {
        name
        for name, _ in model.named_parameters()
        if name.startswith(('adapters.', 'decode_head.'))
    }


def test_the_fingerprint_leaves_them_out(make_runner):
    model = make_runner(adapter=ADAPTER, trainable=HEAD).model
    before = fingerprint(model)
    model.decode_head.conv_seg.weight.data += 1
    assert fingerprint(model) == before
    model.backbone.conv1.weight.data += 1
    assert fingerprint(model) != before


def test_a_resumed_run_is_the_same(train, tmp_path):
    hooks = [{'type': 'RandomStateHook'}]
    whole = train(folder='whole', hooks=hooks)
    with pytest.raises(KeyboardInterrupt):
        train(hooks=[*hooks, {'type': 'StopHook', 'after': 4}])
    resumed = train(hooks=hooks, resume=True)
    state = whole.model.state_dict()
    for key, value in resumed.model.state_dict().items():
        assert torch.equal(value, state[key]), key


def test_the_joined_checkpoint_is_what_to_test(
    train, make_runner, base, tmp_path, monkeypatch, recwarn
):
    said = []
    monkeypatch.setattr(
        adapter_checkpoint_hook,
        'print_log',
        lambda text, **_: said.append(text),
    )
    runner = train()
    assert 'decode_head learnt beside the adapters' in said[0]
    file = tmp_path / 'run' / 'adapter.safetensors'
    assert read_adapter(file)[0]['trainable'] == HEAD

    def load(checkpoint, files=None, trainable=HEAD):
        model = make_runner(adapter=ADAPTER, trainable=trainable).model
        load_weights(model, read_checkpoint(checkpoint), checkpoint, files)
        return model

    joined = tmp_path / 'run' / 'iter_6.pth'
    state = runner.model.state_dict()
    recwarn.clear()
    for model in (load(joined), load(joined, trainable=[])):
        for key, value in model.state_dict().items():
            assert torch.equal(value, state[key]), key
    assert not [w for w in recwarn if 'joined' in str(w.message)]
    with pytest.warns(UserWarning, match=r'\(decode_head\) is in the joined'):
        load(base, file)
    with pytest.raises(ValueError, match=r'another choice of `model\.train'):
        load(base, file, trainable=[])


@pytest.mark.parametrize(
    ('settings', 'word'),
    [
        ({'trainable': ['decode']}, r"'decode' matched no module"),
        ({'trainable': ['dropout']}, r"'dropout' matched no module"),
        ({'trainable': ['rows']}, r"'rows' matched no module"),
        ({'trainable': ['conv[']}, r'regular expression.*`model\.trainable`'),
        ({'trainable': 'decode_head'}, r'`model\.trainable` takes a list'),
        ({'trainable': HEAD, 'adapter': None}, r'beside `model\.adapter`'),
        ({'trainable': HEAD, 'teacher': {'type': 'LogitKL'}}, 'teacher'),
    ],
)
def test_refused(make_runner, settings, word):
    settings = {'adapter': ADAPTER, **settings}
    with pytest.raises((ValueError, TypeError), match=word):
        make_runner(**settings)

"""What predicts inputs, from a config to files and back."""

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_missing.adapters import read_adapter, save_adapter
from mmseg_missing.apis import init_model
from mmseg_missing.apis.fold import fold_checkpoint
from mmseg_missing.apis.score import choose
from mmseg_missing.modality import Stack
from mmseg_missing.models.imputers import ConvGenerator

SIZE = 32, 64
GENERATORS = (
    'linear',
    {'type': 'ConvGenerator', 'hidden': 3, 'scale': 2.0},
    {'type': 'UNetGenerator', 'widths': [2, 3, 5], 'holes': {'depth': 0.0}},
)
FILL = {'rgb': 'predicted', 'depth': 'predicted:copy:rgb', 'thermal': 'black'}


@torch.no_grad()
def logits(model, names='rgb+thermal'):
    x = torch.randn(1, 5, *SIZE, generator=torch.Generator().manual_seed(3))
    mean, std = model.stack['depth'].mean[0], model.stack['depth'].std[0]
    x[:, 3, 4:20, 4:30] = (0 - mean) / std  # a hole
    present = model.stack.present(names)
    return model.encode_decode(x, [{'present': present[0], 'img_shape': SIZE}])


@pytest.fixture(params=GENERATORS)
def trained(request, load, drawn_adapter):
    """Config, network and adapter file."""
    cfg = load('tiny-ssf', model__fill=FILL, model__generator=request.param)
    return cfg, *drawn_adapter(cfg)


def test_an_adapter_file_is_enough(trained, load, files):
    _, network, path = trained
    base = init_model(
        load(model__fill=FILL | {'rgb': 'zero', 'depth': 'copy:rgb'}),
        files.base,
    )
    for given in (load(), load('tiny-ssf')):
        again = init_model(given, files.base, path)
        assert again.fill == network.fill
        for names in ('rgb+thermal', 'depth', base.stack.full):
            assert torch.equal(logits(again, names), logits(network, names))
    assert not torch.allclose(logits(network), logits(base))
    full = (logits(model, base.stack.full) for model in (network, base))
    assert torch.equal(*full) != bool(network.generator.holes)


def test_folding_keeps_it(trained, load, files, tmp_path):
    cfg, network, path = trained
    out = tmp_path / 'folded.pth'
    fold_checkpoint(cfg, files.base, out, 'rgb+thermal', path)
    for given in (load(), tmp_path / 'folded.py'):
        folded = init_model(given, out)
        assert folded.generator is not None
        torch.testing.assert_close(
            logits(folded), logits(network), rtol=1e-4, atol=1e-4
        )


def test_old_words_are_written(trained):
    """Where nothing new is used a file says what it always did."""
    _, _, path = trained
    stated = read_adapter(path)[0]['predictors']['input']
    assert ('holes' in stated) == (stated['type'] == 'UNetGenerator')


def test_a_damaged_file(trained, load, files, tmp_path):
    _, network, path = trained
    network.adapters.predictor_configs['input']['holes'] = ['depth']
    save_adapter(network, path, {'fill': network.fill, 'root': ''})
    with pytest.raises(ValueError, match='predicts input by something else'):
        init_model(load(), files.base, path)


def test_a_joined_checkpoint_of_another_generator(load, files, tmp_path):
    cfg = load('tiny-ssf', model__fill='predicted')
    joined = tmp_path / 'joined.pth'
    network = init_model(cfg, files.base)
    torch.save({'state_dict': network.state_dict()}, joined)
    assert init_model(cfg, joined).generator.hidden == 16
    cfg.model.generator = 'unet'
    with pytest.raises(ValueError, match=r'joined\.pth') as error:
        init_model(cfg, joined)
    assert '\n' not in str(error.value)


class Elsewhere(ConvGenerator):
    """Built for other modalities than it gets."""

    def __init__(self, stack):
        super().__init__(Stack([*stack][:2]))


class Narrow(ConvGenerator):
    """Predicts fewer channels than there are."""

    def predict(self, seen, there):
        """Return one channel too few."""
        return super().predict(seen, there)[:, 1:]


@pytest.fixture
def registered():
    MODELS.register_module(module=Elsewhere)
    MODELS.register_module(module=Narrow)
    yield
    del MODELS.module_dict['Elsewhere'], MODELS.module_dict['Narrow']


@pytest.mark.parametrize(
    ('generator', 'words'),
    [
        ('Elsewhere', r'`model\.generator` Elsewhere is for rgb\+depth, `mod'),
        (
            {'type': 'ConvGenerator', 'stack': [{'name': 'nir'}]},
            '`model.stack`; leave its `stack` out',
        ),
        ({'type': 'ConvGenerator', 'width': 3}, r'`model\.generator`.*width'),
        ({'hidden': 3}, r'`model\.generator` takes a dict with a `type`'),
        ('ResNet', r'`model\.generator`'),
        ('cnv', r'`model\.generator`.*cnv'),
        (3, r'`model\.generator` takes a dict'),
    ],
)
def test_bad_generators_are_named(registered, load, files, generator, words):
    cfg = load('tiny-ssf', model__fill='predicted')
    cfg.model.generator = generator
    with pytest.raises((TypeError, ValueError), match=words) as error:
        init_model(cfg, files.base)
    assert '\n' not in str(error.value)


def test_other_channels_are_named(registered, load, files):
    cfg = load('tiny-ssf', model__fill='predicted', model__generator='Narrow')
    with pytest.raises(ValueError, match=r'Narrow.*\(1, 4, 32, 64\)'):
        logits(init_model(cfg, files.base))


@pytest.mark.parametrize(
    ('model', 'words'),
    [
        ({'fill': 'predicted'}, r'set `model\.adapter`'),
        ({'fill': {'depth': 'predicted:black'}}, r'set `model\.adapter`'),
        (
            {'generator': {'type': 'ConvGenerator', 'holes': {'depth': 0}}},
            r'set `model\.adapter`',
        ),
        ({'generator': 'conv'}, r"model\.fill='predicted'"),
    ],
)
def test_nothing_to_learn_with(load, files, model, words):
    cfg = load()
    cfg.model.update(model)
    with pytest.raises(ValueError, match=words) as error:
        init_model(cfg, files.base)
    assert '\n' not in str(error.value)


def test_another_fill_does_not_hide_what_is_predicted(load):
    cfg = load('tiny-ssf', model__fill=FILL)
    for fill in ('black', 'zero', 'copy:rgb'):
        with pytest.raises(ValueError, match=r'--fill .* depth, rgb; leave'):
            choose(cfg, fill=fill)
    assert cfg.model.fill == FILL
    choose(cfg, fill='predicted:black')
    assert cfg.model.fill == 'predicted:black'
    plain = load('tiny')
    choose(plain, fill='black')
    assert plain.model.fill == 'black'

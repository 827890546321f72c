"""From a config and files to a network, or one sentence why not."""

import pytest
import torch
from torch.testing import assert_close

from mmseg_missing.adapters import read_adapter, save_adapter
from mmseg_missing.adapters.file_format import encode
from mmseg_missing.apis import init_model
from mmseg_missing.apis.model import load_config, load_weights
from mmseg_missing.engine.checkpoints import read_checkpoint
from mmseg_missing.startup.adapter_configs import adapter_config, has_adapter
from mmseg_missing.startup.classes import compare_classes

WRAPPED = {
    'type': 'AdaptedBackbone',
    'adapter': {'type': 'ScaleShift', 'rows': 'table'},
}


def wrap(cfg):
    """Move the adapter of a config from the segmentor to the backbone."""
    cfg.model.adapter = None
    cfg.model.backbone = {
        **WRAPPED,
        'backbone': cfg.model.backbone,
        'stack': cfg.model.stack,
    }
    return cfg


def logits(model, present=(True, False, False)):
    """Logits of one fixed image."""
    meta = {'present': present, 'img_shape': (32, 64)}
    x = torch.randn(1, 5, 32, 64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        return model.encode_decode(x, [meta])


def refusal(call, *args):
    """The sentence with which ``call`` refuses."""
    with pytest.raises(ValueError) as refused:
        call(*args)
    sentence = str(refused.value)
    assert '\n' not in sentence
    return sentence


def test_adapters_come_from_the_config_or_the_file(load, files):
    own = init_model(load('tiny-ssf'), files.base, files.adapter)
    given = init_model(load(), files.base, files.adapter)
    joined = init_model(load('tiny-ssf'), files.joined)
    base = init_model(load(), files.base)
    torch.testing.assert_close(logits(given), logits(own), rtol=0, atol=0)
    torch.testing.assert_close(logits(joined), logits(own), rtol=0, atol=0)
    assert not torch.allclose(logits(own), logits(base))
    assert not own.training


def test_folded_runs_like_the_adapted(load, files):
    adapted = init_model(load('tiny-ssf'), files.base, files.adapter)
    for name in ('tiny', 'tiny-ssf'):
        folded = init_model(load(name), files.folded)
        assert folded.folded == 'rgb'
        assert not any('adapter' in key for key in folded.state_dict())
        # float32, summed in another order
        assert_close(logits(folded), logits(adapted), rtol=1e-4, atol=1e-4)


def test_fill_comes_with_the_adapters(load, files, tmp_path):
    model = init_model(load(), files.base, files.adapter)
    save_adapter(model, tmp_path / 'a.safetensors', {'fill': 'black'})
    black = init_model(load(), files.base, tmp_path / 'a.safetensors')
    assert set(black.fill.values()) == {'black'}
    save_adapter(model, tmp_path / 'a.safetensors')
    zero = init_model(load(), files.base, tmp_path / 'a.safetensors')
    assert set(zero.fill.values()) == {'zero'}


def test_batch_major_sites_come_with_the_adapters(load, files, tmp_path):
    cfg = load('tiny-ssf')
    cfg.model.adapter.batch_major = ['fuse.0.norm']
    model = init_model(cfg, files.base)
    model.adapters.samples_seen += 1
    save_adapter(model, tmp_path / 'a.safetensors')
    again = init_model(load(), files.base, tmp_path / 'a.safetensors')
    majors = [s.name for s in again.adapters.sites if s.is_batch_major]
    assert majors == ['backbone.fuse.0.norm']


def test_config_stays_as_it_is(load, files):
    cfg = load()
    before = cfg.copy().to_dict()
    init_model(cfg, files.folded)
    init_model(cfg, files.base, files.adapter)
    assert cfg.to_dict() == before
    assert init_model(cfg, files.base).folded is None


def test_adapted_backbone(load, files, tmp_path):
    """Its file names its root, and its folded checkpoint a plain network."""
    model = init_model(wrap(load('tiny-ssf')), files.base)
    bank = model.backbone.adapters
    bank.samples_seen += 1
    bank.rows.table['rgb'].detach().fill_(0.1)
    path = tmp_path / 'backbone.safetensors'
    save_adapter(model.backbone, path, {'root': 'backbone'})
    again = init_model(wrap(load('tiny-ssf')), files.base, path)
    torch.testing.assert_close(logits(again), logits(model))
    plain = init_model(wrap(load('tiny-ssf')), files.folded)
    assert not hasattr(plain.backbone, 'adapters')
    torch.testing.assert_close(
        logits(plain), logits(init_model(load(), files.folded))
    )
    sentence = refusal(init_model, load(), files.base, path)
    assert "adapts 'backbone' alone; give the config" in sentence


def test_folded_with_an_adapter_file(load, files):
    sentence = refusal(init_model, load(), files.folded, files.adapter)
    assert 'leave `--adapter` out' in sentence


def test_joined_without_an_adapter_in_the_config(load, files):
    sentence = refusal(init_model, load(), files.joined)
    assert 'use the config that it was trained with' in sentence


@pytest.mark.parametrize(
    'adapter', [{'combinations': ['rgb']}, {'sites': ['proj']}]
)
def test_joined_of_another_adapter(load, files, adapter):
    cfg = load('tiny-ssf')
    cfg.model.adapter.update(adapter)
    sentence = refusal(init_model, cfg, files.joined)
    assert 'joined.pth' in sentence and 'other sites or comb' in sentence


def test_base_of_another_network(load, files):
    cfg = load(model__backbone__depths=(1, 1, 1, 2))
    sentence = refusal(init_model, cfg, files.base)
    assert 'keys are missing' in sentence and 'base.pth' in sentence


def test_base_of_another_shape(load, files):
    cfg = load(model__decode_head__num_classes=7)
    sentence = refusal(init_model, cfg, files.base)
    assert "'decode_head.conv_seg.weight' has shape (11," in sentence


def test_refused_weights_change_nothing(load, files):
    """A wrong adapter file leaves the rows of the joined one."""
    model = init_model(load('tiny-ssf'), files.joined)
    model.fill = dict.fromkeys(model.stack.names, 'zero')
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with torch.no_grad():
        model.decode_head.conv_seg.weight.add_(1)
    checkpoint = read_checkpoint(files.joined)
    checkpoint['state_dict'] = dict(model.state_dict())
    sentence = refusal(
        load_weights, model, checkpoint, files.joined, files.adapter
    )
    assert 'another base' in sentence
    rows = {k: v for k, v in model.state_dict().items() if 'rows' in k}
    assert rows
    for key, value in rows.items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize('name', ['nowhere.py', '.'])
def test_no_config(tmp_path, name):
    with pytest.raises(FileNotFoundError, match='no config file'):
        load_config(tmp_path / name)


def test_options_override_the_file(load):
    assert load(model__fill='black').model.fill == 'black'


def test_samples_seen_travel(load, files):
    model = init_model(load(), files.base, files.adapter)
    seen = read_adapter(files.adapter)[0]['samples_seen']
    assert model.adapters.samples_seen.tolist() == list(seen.values())


@pytest.mark.parametrize('rows', ['table', 'additive', 'hyper', 'experts'])
@pytest.mark.parametrize('wrapped', [False, True])
def test_a_cut_loads_under_the_config_it_comes_from(
    load, files, tmp_path, rows, wrapped
):
    """One combination is exported as a table, whatever its row mode."""

    def config():
        cfg = load('tiny-ssf', model__adapter__rows=rows)
        return wrap(cfg) if wrapped else cfg

    cfg = config()
    if wrapped:
        cfg.model.backbone.adapter.rows = rows
    model = init_model(cfg, files.base)
    root = model.backbone if wrapped else model
    root.adapters.samples_seen += 1
    for row in root.adapters.rows.parameters():
        row.detach().copy_(0.2 * torch.randn(row.shape))
    joined, path = tmp_path / 'joined.pth', tmp_path / 'rgb.safetensors'
    torch.save({'state_dict': model.state_dict()}, joined)
    extra = {'root': 'backbone' if wrapped else ''}
    save_adapter(root, path, extra, combinations=['rgb'])
    for checkpoint in (files.base, joined):
        again = init_model(cfg, checkpoint, path)
        found = again.backbone if wrapped else again
        assert found.adapters.served == ('rgb',)
        # float32, the row was summed or computed before
        assert_close(logits(again), logits(model), rtol=1e-4, atol=1e-5)


def test_an_empty_adapter_is_one(load, files):
    cfg = load('tiny', model__adapter={})
    assert has_adapter(cfg) and adapter_config(cfg) == {}
    assert init_model(cfg, files.base).adapters.served is not None
    assert not has_adapter(load('tiny'))
    assert has_adapter(wrap(load('tiny-ssf')))


NAMES = ('wall', 'floor', 'bed')


@pytest.mark.parametrize(
    ('known', 'classes', 'word'),
    [
        (('floor', 'wall', 'bed'), NAMES, 'in another order: number 0'),
        (['wall', 'floor'], NAMES, 'knows 2 classes, the data set has 3'),
        ([*NAMES, 'sofa'], NAMES, 'knows 4 classes, the data set has 3'),
        (['bed', 'wall'], NAMES, 'in another order'),
        (list(NAMES), NAMES, None),
        (None, NAMES, None),
        (NAMES, (), None),
        ('abc', NAMES, None),
    ],
)
def test_classes_of_a_checkpoint(known, classes, word):
    """In the words of this MMEngine and of MMSegmentation before 1.0."""
    for meta in ({'dataset_meta': {'classes': known}}, {'CLASSES': known}):
        if word:
            sentence = refusal(compare_classes, {'meta': meta}, classes, 'a')
            assert word in sentence and "'a' knows" in sentence
        else:
            compare_classes({'meta': meta}, classes, 'a')
    compare_classes({}, classes, 'a')
    compare_classes({'meta': None}, classes, 'a')


def test_a_head_that_learns_on_may_have_other_classes():
    meta = {'meta': {'dataset_meta': {'classes': ('floor', 'wall')}}}
    compare_classes(meta, NAMES, 'a', learns=True)
    word = 'in another order'
    assert word in refusal(compare_classes, meta, NAMES[:2], 'a', True)


def test_renamed_classes_warn():
    meta = {'meta': {'dataset_meta': {'classes': ('Wall', 'floor', 'bed')}}}
    with pytest.warns(UserWarning, match="calls class 0 'Wall', the data se"):
        compare_classes(meta, NAMES, 'a')


def test_inferencer_compares_classes_that_the_config_states(
    load, files, tmp_path
):
    cfg = load('tiny')
    classes = list(cfg.test_dataloader.dataset.metainfo.classes)
    found = {**read_checkpoint(files.base), 'meta': {}}
    found['meta'] = {'dataset_meta': {'classes': classes}}
    torch.save(found, tmp_path / 'base.pth')
    assert init_model(cfg, tmp_path / 'base.pth').dataset_meta
    classes[:2] = classes[1::-1]
    torch.save(found, tmp_path / 'base.pth')
    sentence = refusal(init_model, cfg, tmp_path / 'base.pth')
    assert 'in another order' in sentence


# --- files that say what they should not ---


@pytest.fixture
def rewritten(files, tmp_path):
    """Return a function: the adapter file with other metadata."""

    def rewrite(**changes):
        metadata, tensors = read_adapter(files.adapter)
        path = tmp_path / 'rewritten.safetensors'
        path.write_bytes(encode(tensors, {**metadata, **changes}))
        return path

    return rewrite


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'method': 'antigravity'}, "type 'antigravity'.*nobody registered"),
        ({'method': 'ResNet'}, "type 'ResNet'.*nobody registered"),
        ({'method': 'this.that'}, 'is damaged.*method'),
        (
            {'method': 'LowRank', 'options': {'rank_pattern': {'(a*)*b': 1}}},
            'by patterns in its rank_pattern',
        ),
        (
            {'method': 'Bottleneck', 'options': {'hidden': 2**40}},
            'hidden` must be at most',
        ),
        (
            {'method': 'Bottleneck', 'options': {'hidden': 512}},
            'numbers, the adapter file says',
        ),
        (
            {'method': 'LowRank', 'options': {'rank': 2**40}},
            'this method adapts',
        ),
        ({'options': {'rank': 1}}, 'options that ScaleShift lacks'),
        ({'options': {'type': 'os.path'}}, 'options that ScaleShift lacks'),
        ({'root': 'backbone'}, "adapts 'backbone' alone"),
    ],
)
def test_files_that_say_what_they_should_not(
    load, files, rewritten, changes, words
):
    with pytest.raises(ValueError, match=words):
        init_model(load(), files.base, rewritten(**changes))


def test_a_method_of_ones_own(load, files, tmp_path):
    """It works where the config names it, never by a file alone."""
    from mmseg.registry import MODELS

    from mmseg_missing.adapters import ScaleShift, save_adapter

    class Own(ScaleShift):
        pass

    MODELS.register_module(module=Own, force=True)
    try:
        cfg = load('tiny-ssf')
        cfg.model.adapter.type = 'Own'
        model = init_model(cfg, files.base)
        model.adapters.samples_seen += 1
        path = tmp_path / 'own.safetensors'
        save_adapter(model, path, {'fill': model.fill, 'root': ''})
        assert init_model(cfg, files.base, path).adapters.trained
        with pytest.raises(ValueError, match=r"type 'Own'.*nobody registered"):
            init_model(load(), files.base, path)
    finally:
        del MODELS._module_dict['Own']


@pytest.mark.parametrize(
    'change',
    [
        lambda f: 3,
        lambda f: {**f, 'biases': 'backbone'},
        lambda f: {**f, 'biases': [3]},
        lambda f: {**f, 'biases': ['backbone']},
        lambda f: {**f, 'biases': ['nothing.here']},
        lambda f: {**f, 'biases': f['biases'] * 2},
        lambda f: {**f, 'norms': ['decode_head']},
        lambda f: {**f, 'norms': {}},
        lambda f: {**f, 'combination': ['rgb']},
        lambda f: {**f, 'combination': 'x'},
        lambda f: {**f, 'fill': {'rgb': [float('nan')]}},
        lambda f: {**f, 'fill': {'rgb': 'a'}},
        lambda f: {**f, 'more': []},
    ],
)
def test_folded_checkpoints_that_say_what_they_should_not(
    load, files, tmp_path, change
):
    content = torch.load(files.folded, weights_only=True)
    content['meta']['folded'] = change(content['meta']['folded'])
    torch.save(content, tmp_path / 'folded.pth')
    with pytest.raises(ValueError, match=r'folded|combination|modality'):
        init_model(load(), tmp_path / 'folded.pth')


@pytest.mark.parametrize('kind', ['base', 'joined', 'folded'])
@pytest.mark.parametrize('value', [float('nan'), float('-inf'), 1e300])
def test_checkpoints_that_are_not_finite(load, files, tmp_path, kind, value):
    """Also where they are so in float32 alone."""
    content = torch.load(getattr(files, kind), weights_only=True)
    state = content['state_dict']
    key = next(k for k in state if kind != 'joined' or 'adapters.rows' in k)
    state[key] = state[key].double()
    state[key].view(-1)[0] = value
    torch.save(content, tmp_path / 'a.pth')
    name = 'tiny-ssf' if kind == 'joined' else 'tiny'
    with pytest.raises(ValueError, match='not finite in') as error:
        init_model(load(name), tmp_path / 'a.pth')
    assert key in str(error.value)


def test_a_part_of_the_adapters(load, files, tmp_path):
    content = torch.load(files.joined, weights_only=True)
    del content['state_dict']['adapters.samples_seen']
    torch.save(content, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='samples_seen is missing'):
        init_model(load('tiny-ssf'), tmp_path / 'a.pth')

"""Joining base and adapters, and checking that only they change."""

import random

import numpy as np
import pytest
import torch
from mmengine.fileio import LocalBackend, register_backend
from torch import nn

from mmseg_missing.adapters import (
    adapted,
    base_state,
    load_adapter,
    read_adapter,
)
from mmseg_missing.engine import RandomStateHook
from mmseg_missing.engine.hooks import frozen_base_check_hook
from mmseg_missing.engine.hooks.random_state_hook import (
    get_random_state,
    set_random_state,
)

ADAPTER = {'type': 'ScaleShift'}
CHECK = {'type': 'FrozenBaseCheckHook'}


@pytest.fixture
def join(base):
    return {'type': 'AdapterCheckpointHook', 'base': base}


@pytest.fixture(params=['segmentor', 'backbone'])
def how(request):
    """Which part is adapted: keywords of ``make_runner``."""
    if request.param == 'segmentor':
        return {'adapter': ADAPTER}
    return {'wrap': True}


def test_base_is_loaded_and_rows_are_written(
    make_runner, join, base, how, tmp_path
):
    runner = make_runner(hooks=[join, CHECK], sampler='round_robin', **how)
    runner.train()
    ((name, root),) = adapted(runner.model)
    given = torch.load(base, weights_only=True)['state_dict']
    for key, value in base_state(runner.model).items():
        if key.startswith(name):
            assert torch.equal(value, given[key]), key
    metadata, rows = read_adapter(tmp_path / 'run' / 'adapter.safetensors')
    assert set(rows) == {'rgb', 'depth'}
    for combination, row in rows.items():
        assert row.any()
        assert torch.equal(row, root.adapters.rows.table[combination])
    assert metadata['samples_seen'] == {'rgb': 6, 'depth': 6}
    assert metadata['fill'] == {'rgb': 'zero', 'depth': 'zero'}
    assert metadata['root'] == name
    assert metadata['results'] == {'count': 3.0}


def test_the_base_of_the_config(make_runner, base):
    join = {'type': 'AdapterCheckpointHook'}
    runner = make_runner(adapter=ADAPTER, hooks=[join])
    with pytest.raises(ValueError, match='give --base'):
        runner.train()
    runner.cfg.base = base
    runner.train()
    given = torch.load(base, weights_only=True)['state_dict']
    for key, value in base_state(runner.model).items():
        assert torch.equal(value, given[key]), key


class _Kept(LocalBackend):
    def get(self, path):
        return super().get(path.removeprefix('kept://'))


def test_a_base_by_its_address(make_runner, base):
    register_backend('kept', _Kept, force=True, prefixes='kept')
    join = {'type': 'AdapterCheckpointHook', 'base': f'kept://{base}'}
    runner = make_runner(hooks=[join, CHECK], adapter=ADAPTER)
    runner.train()
    given = torch.load(base, weights_only=True)['state_dict']
    for key, value in base_state(runner.model).items():
        assert torch.equal(value, given[key]), key
    join['base'] = f'kept://{base}.gone'
    with pytest.raises(FileNotFoundError, match=r'no check.*kept://.*\.gone'):
        make_runner(hooks=[join], adapter=ADAPTER).train()


def test_the_small_file_fits_the_base(make_runner, join, base, tmp_path):
    runner = make_runner(adapter=ADAPTER, hooks=[join], sampler='uniform')
    runner.train()
    fresh = make_runner(adapter=ADAPTER, folder='fresh').model
    state = torch.load(base, weights_only=True)['state_dict']
    fresh.load_state_dict(state, strict=False)
    load_adapter(fresh, tmp_path / 'run' / 'adapter.safetensors')
    for key, value in fresh.state_dict().items():
        assert torch.equal(value, runner.model.state_dict()[key]), key


def test_results_belong_to_the_rows(make_runner, join, tmp_path):
    """Rows of iteration 3, scored before and after: in the file nothing."""
    settings = {'adapter': ADAPTER, 'hooks': [join], 'iters': 4}
    only = {'save_last': False}
    make_runner(**settings, interval=3, saving=only).train()
    metadata, _ = read_adapter(tmp_path / 'run' / 'adapter.safetensors')
    assert 'results' not in metadata
    make_runner(**settings, interval=4, folder='scored').train()
    metadata, _ = read_adapter(tmp_path / 'scored' / 'adapter.safetensors')
    assert metadata['results'] == {'count': 2.0}


def test_best_checkpoint_keeps_the_results(make_runner, join, tmp_path):
    best = {'save_best': 'count', 'rule': 'greater', 'save_last': False}
    settings = {'adapter': ADAPTER, 'hooks': [join], 'saving': best}
    make_runner(**settings, iters=5, interval=3).train()
    assert (tmp_path / 'run' / 'best_count_iter_5.pth').is_file()
    metadata, _ = read_adapter(tmp_path / 'run' / 'adapter.safetensors')
    assert metadata['results'] == {'count': 3.0}


def test_averaged_rows(make_runner, join, tmp_path):
    """Under EMAHook the file holds what the checkpoint holds."""
    average = {'type': 'EMAHook', 'momentum': 0.5}
    runner = make_runner(adapter=ADAPTER, hooks=[average, join])
    runner.train()
    _, rows = read_adapter(tmp_path / 'run' / 'adapter.safetensors')
    path = tmp_path / 'run' / 'iter_6.pth'
    saved = torch.load(path, weights_only=False)['state_dict']
    last = runner.model.adapters.rows.table
    for name, row in rows.items():
        assert torch.equal(row, saved[f'adapters.rows.table.{name}'])
        assert not torch.equal(row, last[name])


def test_checkpoints_stay_complete(make_runner, join, tmp_path):
    runner = make_runner(adapter=ADAPTER, hooks=[join], sampler='uniform')
    runner.train()
    found = torch.load(tmp_path / 'run' / 'iter_6.pth', weights_only=False)
    assert set(found['state_dict']) == set(runner.model.state_dict())


def test_exactly_the_trained_rows(make_runner, join, tmp_path):
    sampler = {'type': 'round_robin', 'combinations': ['depth']}
    make_runner(adapter=ADAPTER, hooks=[join], sampler=sampler).train()
    _, rows = read_adapter(tmp_path / 'run' / 'adapter.safetensors')
    assert set(rows) == {'depth'}


def test_no_row_no_file(make_runner, join, tmp_path):
    """Nothing was missing in training: it taught nothing, and says so."""
    runner = make_runner(adapter=ADAPTER, hooks=[join], sampler='full')
    with pytest.raises(ValueError, match=r'no adapter row.*round_robin'):
        runner.train()
    assert not (tmp_path / 'run' / 'adapter.safetensors').exists()
    assert not any(r.any() for r in runner.model.adapters.rows.parameters())


@pytest.mark.parametrize('content', [None, b'', b'PK\x03\x04 truncated'])
def test_base_that_cannot_be_read(make_runner, tmp_path, content):
    path = tmp_path / 'missing.pth'
    if content is not None:
        path.write_bytes(content)
    join = {'type': 'AdapterCheckpointHook', 'base': str(path)}
    with pytest.raises((FileNotFoundError, ValueError), match=r'missing\.pth'):
        make_runner(adapter=ADAPTER, hooks=[join]).train()


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda s: s.pop('backbone.conv1.weight'), '1 keys are missing'),
        (lambda s: s.update(extra=torch.ones(1)), '1 are unknown'),
        (
            lambda s: s.update({'decode_head.conv_seg.bias': torch.ones(9)}),
            r'conv_seg\.bias.*\(9,\), expected \(3,\)',
        ),
    ],
)
def test_wrong_base(make_runner, join, base, change, words):
    state = torch.load(base, weights_only=True)['state_dict']
    change(state)
    torch.save({'state_dict': state}, base)
    with pytest.raises(ValueError, match=f'is no base.*{words}'):
        make_runner(adapter=ADAPTER, hooks=[join]).train()


def test_no_adapters(make_runner, join):
    with pytest.raises(ValueError, match=r'set `model\.adapter`'):
        make_runner(hooks=[join]).train()


def test_two_parts_with_adapters(make_runner, join):
    """Their rows would go to one file, the last ones over the others."""
    neck = {
        'type': 'AdaptedBackbone',
        'backbone': {
            'type': 'FPN',
            'in_channels': [4],
            'out_channels': 4,
            'num_outs': 1,
        },
        'adapter': ADAPTER,
        'stack': [{'name': 'rgb'}, {'name': 'depth', 'channels': 1}],
    }
    runner = make_runner(wrap=True, neck=neck, hooks=[join])
    with pytest.raises(ValueError, match=r"\['backbone', 'neck'\] have adap"):
        runner.train()


def test_testing_needs_no_base(make_runner, join, base, tmp_path):
    make_runner(adapter=ADAPTER, hooks=[join]).train()
    (tmp_path / 'base.pth').unlink()
    assert make_runner(adapter=ADAPTER, hooks=[join, CHECK]).val()


def test_resuming_on_another_base(make_runner, join, base, how):
    make_runner(hooks=[join], **how).train()
    found = torch.load(base, weights_only=True)
    found['state_dict']['backbone.conv1.weight'] += 1e-3
    torch.save(found, base)
    with pytest.raises(ValueError, match=r'another base.*backbone\.conv1\.w'):
        make_runner(hooks=[join], iters=9, resume=True, **how).train()


def test_resuming_on_its_base(make_runner, join, how):
    make_runner(hooks=[join], **how).train()
    runner = make_runner(hooks=[join, CHECK], iters=9, resume=True, **how)
    runner.train()
    assert runner.iter == 9


def test_lost_hook(make_runner, join):
    runner = make_runner(adapter=ADAPTER, hooks=[join, CHECK])
    layer = runner.model.backbone.bn1
    layer._forward_hooks.clear()
    with pytest.raises(RuntimeError, match=r"1 adapter .*'backbone\.bn1'"):
        runner.train()


def test_converted_norms(make_runner, join):
    runner = make_runner(adapter=ADAPTER, hooks=[join, CHECK])
    nn.SyncBatchNorm.convert_sync_batchnorm(runner.model)
    with pytest.raises(RuntimeError, match=r'lost their hook.*`sync_bn`'):
        runner.train()


@pytest.fixture
def make_idle(make_runner, join, monkeypatch):
    """Return a function that makes a Runner with a silent site."""

    def make(adapter):
        runner = make_runner(
            adapter=adapter, hooks=[join, CHECK], sampler='uniform'
        )
        root = runner.model
        site = next(s for s in root.adapters.sites if s.name.endswith('bn1'))
        layer = root.get_submodule(site.name)
        # Whoever used it passes it by from now on.
        monkeypatch.setattr(type(layer), '__call__', _skip(layer))
        return runner

    return make


def _skip(silent):
    call = nn.Module.__call__

    def skipping(self, *args, **kwargs):
        return args[0] if self is silent else call(self, *args, **kwargs)

    return skipping


def test_named_site_that_never_fires(make_idle):
    runner = make_idle({'sites': ['backbone.bn1', 'backbone.conv1']})
    words = r"1 adapter sites never fire, \['backbone.bn1'\].*adapter\.sites"
    with pytest.raises(ValueError, match=words):
        runner.train()


def test_default_site_that_never_fires_is_listed(make_idle, monkeypatch):
    said = []
    monkeypatch.setattr(
        frozen_base_check_hook,
        'print_log',
        lambda message, **_: said.append(message),
    )
    make_idle({}).train()
    (message,) = said
    assert "['backbone.bn1']" in message


def test_watches_are_gone_after_the_first_iteration(make_runner, join):
    runner = make_runner(adapter=ADAPTER, hooks=[join, CHECK])
    runner.train()
    counts = {
        len(runner.model.get_submodule(site.name)._forward_hooks)
        for site in runner.model.adapters.sites
    }
    assert counts == {1}


@pytest.mark.parametrize('loop', ['epoch', 'iter'])
@pytest.mark.parametrize('kind', ['weight', 'buffer'])
def test_base_that_moves(make_runner, join, how, loop, kind):
    runner = make_runner(hooks=[join, CHECK], loop=loop, **how)
    norm = runner.model.backbone.bn1
    step = runner.model.train_step

    def moving_step(*args, **kwargs):
        with torch.no_grad():
            moved = norm.weight if kind == 'weight' else norm.running_var
            moved += 1e-6
        return step(*args, **kwargs)

    runner.model.train_step = moving_step
    with pytest.raises(RuntimeError, match='frozen base changed'):
        runner.train()


def test_thawed_base_is_noticed(make_runner, join, how):
    """Somebody sets requires_grad: the optimizer has all parameters."""
    runner = make_runner(hooks=[join, CHECK], **how)
    runner.model.backbone.bn1.weight.requires_grad_(True)
    with pytest.raises(RuntimeError, match='frozen base changed'):
        runner.train()


def test_random_states_round_trip(tmp_path):
    def draw():
        return random.random(), float(np.random.rand()), float(torch.rand(1))

    torch.save(get_random_state(), tmp_path / 'state.pth')
    expected = [draw(), draw()]
    # Tensors and plain numbers: it loads without unpickling objects.
    state = torch.load(tmp_path / 'state.pth', weights_only=True)
    set_random_state(state)
    assert [draw(), draw()] == expected


def test_random_state_hook_comes_first(make_runner):
    runner = make_runner(hooks=[{'type': 'RandomStateHook'}])
    kinds = [type(hook) for hook in runner.hooks]
    assert kinds.index(RandomStateHook) <= 1


def test_loading_weights_keeps_the_seed(make_runner, tmp_path):
    """``load_from`` begins a new run; only resuming restores the states."""
    hook = {'type': 'RandomStateHook'}
    make_runner(hooks=[hook]).train()
    checkpoint = next((tmp_path / 'run').glob('*.pth'))
    runner = make_runner(hooks=[hook], folder='tuned')
    runner.load_checkpoint(str(checkpoint))
    assert runner.train_loop.iter == 0  # building it draws a number
    before = torch.get_rng_state()
    (found,) = (h for h in runner.hooks if type(h).__name__ == hook['type'])
    found.before_train(runner)
    found.before_train_epoch(runner)
    assert torch.equal(torch.get_rng_state(), before)


def test_scores_of_complete_samples_are_no_goal(
    make_runner, join, how, monkeypatch
):
    """Where the head trains as well, they move."""
    said = []
    monkeypatch.setattr(
        'mmseg_missing.engine.watching.print_log',
        lambda text, **_: said.append(text),
    )
    best = {'save_best': 'count', 'rule': 'greater'}
    make_runner(hooks=[join, CHECK], saving=best, **how).train()
    warned = [text for text in said if "'CombinationValLoop'" in text]
    assert len(warned) == (1 if 'adapter' in how else 0)


def test_heads_in_a_row(make_runner, tmp_path):
    """OCRNet's segmentor trains, is adapted, and leaves its file."""
    first = {
        'type': 'FCNHead',
        'in_channels': 4,
        'in_index': 0,
        'channels': 4,
        'num_convs': 1,
        'num_classes': 3,
        'align_corners': False,
    }
    second = {
        'type': 'OCRHead',
        'in_channels': 4,
        'in_index': 0,
        'channels': 4,
        'ocr_channels': 4,
        'num_classes': 3,
        'align_corners': False,
    }
    settings = {
        'type': 'MissingModalityCascadeSegmentor',
        'num_stages': 2,
        'decode_head': [first, second],
    }
    base = make_runner(folder='base', **settings)
    base.train()
    join = {
        'type': 'AdapterCheckpointHook',
        'base': str(tmp_path / 'base' / 'iter_6.pth'),
    }
    runner = make_runner(hooks=[join, CHECK], adapter=ADAPTER, **settings)
    runner.train()
    _, rows = read_adapter(tmp_path / 'run' / 'adapter.safetensors')
    assert all(row.any() for row in rows.values())

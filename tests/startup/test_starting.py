"""What a training stands on, before it begins."""

import json

import pytest
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS, MODELS

from mmseg_missing.engine.hooks.random_state_hook import get_random_state
from mmseg_missing.startup.looking import held_out, unpredicted
from mmseg_missing.startup.start import (
    adapter_share,
    base_of,
    check_folder,
    check_start,
    set_base,
)

WRAPPED = {
    'type': 'AdaptedBackbone',
    'adapter': {},
    'backbone': {'type': 'X', 'init_cfg': {'type': 'Pretrained'}},
}
WORDS = 'random weights, which are frozen; set `custom_hooks'


@pytest.fixture
def cfg(load, tmp_path):
    cfg = load('tiny-ssf')
    cfg.work_dir = str(tmp_path)
    return cfg


def without_hook(cfg):
    kind = 'AdapterCheckpointHook'
    cfg.custom_hooks = [h for h in cfg.custom_hooks if h.type != kind]
    return cfg


def test_adapters_need_a_base(cfg):
    check_start(cfg)
    without_hook(cfg)
    with pytest.raises(ValueError, match=WORDS):
        check_start(cfg)
    cfg.load_from = 'base.pth'
    check_start(cfg)


def test_which_base_counts(cfg):
    """The command's, else the hook's, else the config's."""
    assert base_of(cfg) == 'work_dirs/tiny/epoch_1.pth'
    cfg.custom_hooks[1].base = 'other.pth'
    assert base_of(cfg) == 'other.pth'
    set_base(cfg, 'given.pth')
    assert base_of(cfg) == 'given.pth'
    cfg.base = None
    assert base_of(cfg) is None
    with pytest.raises(ValueError, match=WORDS):
        check_start(cfg)


def test_a_base_that_is_no_path(cfg):
    set_base(cfg, 'given.pth')
    cfg.base = 3
    with pytest.raises(TypeError, match='got 3'):
        base_of(cfg)


@pytest.mark.parametrize('adapter', [{}, {'type': 'ScaleShift'}])
def test_a_pretrained_backbone_is_no_base_of_a_frozen_head(cfg, adapter):
    without_hook(cfg).model.adapter = adapter
    cfg.model.backbone.init_cfg = {'type': 'Pretrained'}
    with pytest.raises(ValueError, match=WORDS):
        check_start(cfg)
    cfg.model.init_cfg = {'type': 'Pretrained', 'checkpoint': 'whole.pth'}
    check_start(cfg)


def test_an_adapted_backbone_may_bring_its_weights(cfg):
    without_hook(cfg).model.adapter = None
    cfg.model.backbone = WRAPPED
    check_start(cfg)
    del cfg.model.backbone.backbone['init_cfg']
    with pytest.raises(ValueError, match=WORDS):
        check_start(cfg)


def test_a_resumed_run_brings_its_base(cfg, tmp_path):
    without_hook(cfg).resume = True
    with pytest.raises(ValueError, match=WORDS):
        check_start(cfg)  # nothing to resume
    (tmp_path / 'iter_1.pth').touch()
    check_start(cfg)


def test_a_network_without_adapters_needs_none(load):
    check_start(load('tiny'))


def test_the_same_network_may_run_again(cfg):
    check_folder(cfg)
    cfg.model.fill = 'black'
    cfg.model.backbone.drop_path_rate = 0.3
    cfg.train_cfg.max_epochs = 7
    check_folder(cfg)


@pytest.mark.parametrize(
    ('key', 'value', 'word'),
    [
        ('model.stack', [{'name': 'depth'}], 'modalities: rgb[+]depth'),
        ('model.adapter', None, "adapter: {'type': 'ScaleShift', "),
        ('model.adapter.rows', 'additive', 'adapter: '),
        ('model.decode_head.num_classes', 3, 'classes: 11, here 3'),
        ('model.backbone.depths', [1, 1, 1, 2], 'backbone: '),
    ],
)
def test_a_folder_of_another_network(cfg, key, value, word):
    check_folder(cfg)
    cfg.merge_from_dict({key: value})
    with pytest.raises(ValueError, match=rf'another network \({word}') as told:
        check_folder(cfg)
    assert 'give another --work-dir' in str(told.value)


def test_a_folder_whose_note_is_damaged(cfg, tmp_path):
    for text in ('', '{', '[]', '3'):
        (tmp_path / 'network.json').write_text(text)
        check_folder(cfg)
    assert json.loads((tmp_path / 'network.json').read_text())['classes'] == 11


def build(cfg):
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(cfg.model)


def test_share_of_this_network(load):
    model = build(load('tiny-ssf'))
    base = sum(p.numel() for p in build(load('tiny')).parameters())
    width = model.adapters.rows.width
    share = f'{100 * width / base:.2f}%'
    assert adapter_share(model) == (
        f'adapters: {width:,} numbers for a combination, {share} of the '
        f'network ({base:,} parameters)'
    )


def test_share_counts_what_predicts(load):
    model = build(load('tiny-imputer'))
    base = sum(p.numel() for p in build(load('tiny-streams')).parameters())
    learnt = (p for p in model.parameters() if p.requires_grad)
    rows = {*model.adapters.rows.parameters()}
    shared = sum(p.numel() for p in learnt if p not in rows)
    total = model.adapters.rows.width + shared
    assert shared > 0
    assert adapter_share(model) == (
        f'adapters: {total:,} numbers for a combination ({shared:,} of them '
        f'predict what is absent), {100 * total / base:.2f}% of the network '
        f'({base:,} parameters)'
    )


def test_classes_that_are_never_predicted(load):
    """The biases of the head decide what is; nothing else changes."""
    cfg = load('tiny-ssf')
    model = build(cfg).train()
    assert model.adapters.training and not model.training
    bias = model.decode_head.conv_seg.bias.detach()
    model.decode_head.conv_seg.weight.detach().zero_()
    bias.zero_()
    bias[0] = 1
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
    before = get_random_state()
    never = unpredicted(model, dataset)
    assert 'wall' not in never and {'floor', 'ceiling'} <= set(never)
    assert model.adapters.training and not model.training
    after = get_random_state()
    assert str(before) == str(after)


@pytest.mark.parametrize(
    ('images', 'batches', 'found'),
    [
        (480, 32, (32, 32)),
        (100, 32, (10, 20)),
        (4, 32, (1, 2)),
        (2, 1, (1, 0)),
    ],
)
def test_images_are_kept_from_a_fit(images, batches, found):
    size = 8 if images > 4 else 2
    count, kept = held_out(images, batches, size, 0)
    assert (count, len(kept)) == found
    assert len(set(kept)) == len(kept)

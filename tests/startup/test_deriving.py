"""The config of adapters follows from that of their base."""

from pathlib import Path

import pytest

from mmseg_missing.apis.model import load_config
from mmseg_missing.startup.deriving import check_repairable, derive

ROOT = Path(__file__).parents[2]
TINY = ROOT / 'tests/configs/tiny.py'
CMNEXT = ROOT / 'configs/cmnext'
PAIRS = [
    (
        'cmnext_small_1xb8-12e_scenes-rgbdt-64x96',
        'cmnext_small-ssf_1xb8-12e_scenes-rgbdt-64x96',
    ),
    (
        'cmnext_narrow_1xb8-30e_nyuv2-13-rgbd-72x96',
        'cmnext_narrow-ssf_1xb8-20e_nyuv2-13-rgbd-72x96',
    ),
]
LEARNING = (
    *('train_cfg', 'optim_wrapper', 'param_scheduler', 'custom_hooks'),
    *('find_unused_parameters', 'train_dataloader', 'default_hooks'),
)


@pytest.mark.parametrize(('base', 'adapted'), PAIRS)
def test_as_the_configs_that_were_measured(base, adapted):
    """Derived and written by hand, both come from adapt.py."""
    written = load_config(CMNEXT / f'{adapted}.py')
    derived = derive(load_config(CMNEXT / f'{base}.py'), written.base)
    assert derived.base == written.base
    for key in LEARNING:
        assert derived[key] == written[key], key
    assert derived.model.adapter == written.model.adapter
    assert derived.model.get('sampler') == 'round_robin'


def test_the_base_config_is_kept():
    cfg = load_config(TINY)
    text = cfg.pretty_text
    derive(cfg, 'base.pth', ['rgb'], 3, True, 'moments', 'table', 'sites.json')
    assert cfg.pretty_text == text


def test_choices():
    cfg = load_config(TINY)
    cfg.custom_hooks = [{'type': 'EMAHook'}]
    cfg.optim_wrapper.optimizer = {'type': 'SGD', 'lr': 0.1, 'momentum': 0.9}
    cfg.model.backbone.init_cfg = {'type': 'Pretrained', 'checkpoint': 'x'}
    cfg.model.pretrained = 'nowhere.pth'
    cfg.load_from = 'other.pth'
    found = derive(
        cfg, 'base.pth', ['rgb'], 3, True, 'moments', 'hyper', 'sites.json'
    )
    assert found.model.adapter == {
        'type': 'ScaleShift',
        'combinations': ['rgb'],
        'rows': 'hyper',
        'sites': 'sites.json',
    }
    assert found.model.teacher == [{'type': 'LogitKL'}]
    assert found.model.backbone.init_cfg is None
    assert found.model.pretrained is found.load_from is None
    assert found.train_cfg.max_epochs == 3
    assert found.optim_wrapper.optimizer == {
        'type': 'AdamW',
        'lr': 3e-2,
        'weight_decay': 0.0,
    }
    kinds = [hook.type for hook in found.custom_hooks]
    assert kinds[0] == 'EMAHook'
    [joining] = [h for h in found.custom_hooks if 'init' in h]
    assert joining == {'type': 'AdapterCheckpointHook', 'init': 'moments'}


def test_schedules_in_iterations():
    cfg = load_config(TINY)
    cfg.train_cfg = {'type': 'IterBasedTrainLoop', 'max_iters': 900}
    found = derive(cfg, 'base.pth')
    assert found.train_cfg.max_iters == 600
    assert [s.by_epoch for s in found.param_scheduler] == [False]
    assert 'convert_to_iter_based' not in found.param_scheduler[0]
    with pytest.raises(ValueError, match='counts iterations'):
        derive(cfg, 'base.pth', epochs=3)


def test_a_network_that_completes_is_not_repaired():
    """Its weights learn with its decoder; adapters would freeze them."""
    cfg = load_config(TINY, {'model.completion': {}})
    with pytest.raises(ValueError, match=r'without `model\.completion`'):
        check_repairable(cfg)

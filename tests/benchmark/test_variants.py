"""The base under a config that adapts, learns a fill and has a teacher."""

import copy
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

from mmseg_missing.adapters import adapted
from mmseg_missing.benchmark.variants import Variants, without_adapter

CONFIG = Path(__file__).parents[1] / 'configs/tiny-teacher.py'


def test_base_of_a_taught_network():
    model = Config.fromfile(CONFIG).model
    before = copy.deepcopy(model)
    with DefaultScope.overwrite_default_scope('mmseg'):
        base = MODELS.build(without_adapter(model))
    assert not any(adapted(base)) and not base.teacher
    assert set(base.fill.values()) == {'zero'}
    assert model == before


def test_other_fills_stay():
    model = Config.fromfile(CONFIG).model
    model.fill = {'rgb': 'black'}
    assert without_adapter(model)['fill'] == {'rgb': 'black'}


def test_a_network_that_completes_stays():
    model = Config.fromfile(CONFIG.with_name('tiny.py')).model
    model.update(fill='predicted', completion={}, generator='conv')
    with DefaultScope.overwrite_default_scope('mmseg'):
        base = MODELS.build(without_adapter(model))
    assert type(base.completion.generator).__name__ == 'ConvGenerator'
    assert set(base.fill.values()) == {'predicted'}


def test_every_variant_of_a_taught_network():
    model = Config.fromfile(CONFIG).model
    with DefaultScope.overwrite_default_scope('mmseg'):
        variants = Variants(model)
        for kind in ('base', 'adapted', 'folded'):
            assert variants.network(kind, 'rgb').stack.full == (
                'rgb+depth+thermal'
            )

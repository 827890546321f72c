"""Every config loads and builds its network."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

import mmseg_missing

ROOT = Path(mmseg_missing.__file__).parents[1] / 'configs'
CONFIGS = sorted(
    path
    for path in ROOT.rglob('*.py')
    if '_base_' not in path.relative_to(ROOT).parts
)


def test_configs_are_found():
    assert CONFIGS


@pytest.mark.parametrize(
    'path', CONFIGS, ids=lambda path: str(path.relative_to(ROOT))
)
def test_config_builds_its_network(path):
    config = Config.fromfile(path)
    if 'mmpretrain.' in config.pretty_text:
        pytest.importorskip('mmpretrain.models', exc_type=ImportError)
    assert config.default_scope == 'mmseg'
    with DefaultScope.overwrite_default_scope('mmseg'):
        network = MODELS.build(config.model)
    assert sum(weight.numel() for weight in network.parameters()) > 0

"""Checkpoints and adapter files of the tiny network, without training."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

from mmseg_missing.adapters import fold, load_base, save_adapter
from mmseg_missing.apis.model import load_config

CONFIGS = Path(__file__).parents[1] / 'configs'


@pytest.fixture(autouse=True)
def no_global_state(forgetting):
    with forgetting():
        yield


@pytest.fixture
def load():
    """Return a function that gives a tiny config, with changes."""

    def load(name='tiny', **options):
        options = {key.replace('__', '.'): v for key, v in options.items()}
        return load_config(CONFIGS / f'{name}.py', options)

    return load


def build(cfg):
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(cfg.model).eval()


def enliven(model):
    """Draw weights whose predictions depend on the image."""
    for tensor in model.state_dict().values():
        if tensor.ndim > 1:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)


def train_rows(model, seen=7):
    """Let the rows look trained."""
    model.adapters.samples_seen += seen
    for row in model.adapters.rows.parameters():
        row.detach().copy_(0.2 * torch.randn(row.shape))


@pytest.fixture(scope='session')
def files(tmp_path_factory):
    """Paths of a base, its adapters, joined and folded checkpoints."""
    folder = tmp_path_factory.mktemp('apis')
    names = ('base.pth', 'adapter.safetensors', 'joined.pth', 'folded.pth')
    paths = SimpleNamespace(**{n.split('.')[0]: folder / n for n in names})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        base = build(load_config(CONFIGS / 'tiny.py'))
        enliven(base)
        model = build(load_config(CONFIGS / 'tiny-ssf.py'))
        load_base(model, base.state_dict(), paths.base)
        train_rows(model)
    torch.save({'state_dict': base.state_dict()}, paths.base)
    torch.save({'state_dict': model.state_dict()}, paths.joined)
    save_adapter(model, paths.adapter, {'fill': model.fill, 'root': ''})
    folded = copy.deepcopy(model)
    biases = fold(folded, 'rgb')
    meta = {'folded': {'combination': 'rgb', 'biases': biases}}
    torch.save({'state_dict': folded.state_dict(), 'meta': meta}, paths.folded)
    return paths

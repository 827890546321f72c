"""Shared by all tests."""

import copy
import os
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

CONFIGS = Path(__file__).parent / 'configs'

# Tiny tensors gain nothing from threads, and sums keep their order.
torch.set_num_threads(1)


def outside(name):
    """Return a folder that stays outside the project, or skip the test.

    It lies in ``shared`` beside the project, or where the environment
    variable ``MMSEG_MISSING_<NAME>`` says.
    """
    default = Path(__file__).parents[2] / 'shared' / name
    path = Path(os.environ.get(f'MMSEG_MISSING_{name.upper()}', default))
    if not path.is_dir():
        pytest.skip(f'no folder {path}')
    return path


@pytest.fixture
def golden_dir():
    """Reference outputs of published code."""
    return outside('golden')


@pytest.fixture
def golden_weights(golden_dir):
    """Return a function that gives the weights of a published network."""

    def weights(name, prefix=''):
        start = f'sd/{prefix}'
        with np.load(golden_dir / f'{name}.npz') as file:
            return {
                key.removeprefix(start): torch.from_numpy(file[key])
                for key in file
                if key.startswith(start)
            }

    return weights


@pytest.fixture
def weights_dir():
    """Published weights."""
    return outside('weights')


@pytest.fixture(scope='session')
def accelerator():
    """What tests marked `gpu` run on.

    The environment variable ``MMSEG_MISSING_ACCELERATOR`` names another; with
    ``cpu`` it tries the tests themselves.
    """
    device = torch.device(os.environ.get('MMSEG_MISSING_ACCELERATOR', 'cuda'))
    if device.type == 'cuda' and not torch.cuda.is_available():
        pytest.skip('no GPU that torch sees')
    return device


@pytest.fixture
def one_thread():
    """Figures of one core, whatever PyTorch takes by itself."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope='session')
def forgetting():
    """Return a context that leaves no global state of MMEngine behind.

    Loggers, message hubs and scopes outlive their Runner, and the next one
    of the same name would find them.
    """
    from mmengine.utils import ManagerMixin

    def managers(kind=ManagerMixin):
        yield kind
        for child in kind.__subclasses__():
            yield from managers(child)

    @contextmanager
    def forget():
        before = {kind: dict(kind._instance_dict) for kind in managers()}
        for kind in before:
            kind._instance_dict.clear()
        try:
            yield
        finally:
            for kind in managers():
                kind._instance_dict.clear()
                kind._instance_dict.update(before.get(kind, {}))

    return forget


def build_tiny(name):
    """Return the network of a tiny config, in eval mode."""
    from mmengine.registry import DefaultScope
    from mmseg.registry import MODELS

    from mmseg_missing.apis.model import load_config

    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(load_config(CONFIGS / name).model).eval()


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


@pytest.fixture
def load():
    """Return a function that gives a tiny config, with changes."""
    from mmseg_missing.apis.model import load_config

    def load(name='tiny', **options):
        options = {key.replace('__', '.'): v for key, v in options.items()}
        return load_config(CONFIGS / f'{name}.py', options)

    return load


@pytest.fixture
def drawn_adapter(files, tmp_path):
    """Return a function that draws all that a config's adapters learn.

    It gives the network, and the file that holds them.
    """
    from mmseg_missing.adapters import save_adapter
    from mmseg_missing.apis import init_model

    def draw(cfg):
        torch.manual_seed(0)
        network = init_model(cfg, files.base)
        network.adapters.samples_seen += 1
        with torch.no_grad():
            for parameter in network.adapters.parameters():
                parameter.normal_(0, 0.1)
        path = tmp_path / 'adapter.safetensors'
        save_adapter(network, path, {'fill': network.fill, 'root': ''})
        return network, path

    return draw


@pytest.fixture(scope='session')
def files(tmp_path_factory):
    """Checkpoints and adapter file of the tiny network, without training.

    Paths of a base, its adapters, joined and folded checkpoints.
    """
    from mmseg_missing.adapters import fold, load_base, save_adapter

    folder = tmp_path_factory.mktemp('apis')
    names = ('base.pth', 'adapter.safetensors', 'joined.pth', 'folded.pth')
    paths = SimpleNamespace(**{n.split('.')[0]: folder / n for n in names})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        base = build_tiny('tiny.py')
        enliven(base)
        model = build_tiny('tiny-ssf.py')
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

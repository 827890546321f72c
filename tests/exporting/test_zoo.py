"""Every network of the zoo, in a tiny size, in every format.

A table of docs/parts/deployment.md has a row for each; the slow test compares
what comes out with it, and prints the row:

    python -m pytest -m slow -s tests/exporting/test_zoo.py
"""

import copy
import re
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

import mmseg_missing
from mmseg_missing import products
from mmseg_missing.adapters import adapted
from mmseg_missing.apis.fold import folded_network
from mmseg_missing.exporting import FORMATS, Graph, write_graph
from mmseg_missing.exporting.checks import check_graph
from mmseg_missing.models.heads import segformer_mlp_head
from mmseg_missing.models.utils import in_place

TOP = Path(mmseg_missing.__file__).parents[1]
STACK = [
    {'name': 'rgb', 'mean': [123.7, 116.3, 103.5], 'std': [58.4, 57.1, 57.4]},
    {'name': 'depth', 'channels': 1, 'mean': [3.0], 'std': [2.0]},
]
SIZE = (64, 96)
MIT = {'embed_dims': 8, 'num_layers': [1] * 4, 'num_heads': [1, 1, 2, 2]}
OURS = {'variant': None, 'embed_dims': (8, 16, 40, 64), 'depths': (1,) * 4}
# How a backbone gets tiny; one that is not named stays as it is.
TINY = {
    'CMNeXt': OURS,
    'CMX': OURS,
    'MMSFormer': {**OURS, 'extra_depths': (1,) * 4},
    'MixVisionTransformer': MIT,
    'mmpretrain.ConvNeXt': {
        'arch': {'depths': [1] * 4, 'channels': [8, 16, 24, 32]}
    },
    'MobileNetV2': {'widen_factor': 0.25},
    'MSCAN': {'embed_dims': [8, 16, 24, 32], 'depths': [1] * 4},
    'ResNetV1c': {'depth': 18, 'base_channels': 8, 'stem_channels': 8},
    'SwinTransformer': {
        'embed_dims': 8,
        'depths': [1, 2, 1, 1],
        'num_heads': [1, 1, 2, 2],
    },
}


def _families():
    """Return a config for each network; others of a family differ in size."""
    found = {}
    for path in sorted(TOP.glob('configs/_base_/models/*.py')):
        family = path.stem.partition('_')[0]
        name = path.stem if family == 'two-stream' else family
        found.setdefault(name, path)
    [found['token-exchange']] = TOP.glob('configs/*/token-exchange_*.py')
    return found


FAMILIES = _families()
each_family = pytest.mark.parametrize('name', FAMILIES)


def _shrink(backbone):
    """Return the config of a tiny backbone, without weights to load."""
    small = {**backbone, **TINY.get(backbone['type'], {})}
    small.pop('init_cfg', None)
    small.pop('extra_init_cfg', None)
    if 'backbone' in small:
        small['backbone'] = _shrink(small['backbone'])
    return small


def _build(name):
    model = Config.fromfile(FAMILIES[name]).model.to_dict()
    if 'mmpretrain.' in str(model):
        pytest.importorskip('mmpretrain.models', exc_type=ImportError)
    backbone = _shrink(model['backbone'])
    backbone['in_channels'] = [3, 1]
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        encoder = MODELS.build(dict(backbone)).eval()
        # A shared stream wants to know what is there.
        told = getattr(encoder, 'told', lambda present: nullcontext())
        with told(torch.ones(1, 2, dtype=torch.bool)):
            levels = encoder(torch.zeros(1, 4, *SIZE))
        head = {**model['decode_head'], 'channels': 8, 'num_classes': 5}
        head['in_channels'] = [level.shape[1] for level in levels]
        config = {
            'type': model['type'],
            'stack': STACK,
            'backbone': backbone,
            'decode_head': head,
            'adapter': {'type': 'ScaleShift'},
        }
        network = MODELS.build(copy.deepcopy(config))
    network.cfg = Config({'model': config})
    network.init_weights()
    _enliven(network)
    return network.eval()


@torch.no_grad()
def _enliven(network):
    """Draw numbers with which signals neither fade nor saturate."""
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.normal_(0, (2 / parameter[0].numel()) ** 0.5)
    for _, root in adapted(network):
        root.adapters.samples_seen += 1
        for row in root.adapters.rows.table.values():
            row.add_(0.1 * torch.randn(row.shape))


def _kind(network, which, form, path):
    """Return in words what a file takes, or why there is none."""
    if which != 'present':
        network = folded_network(network, which)
    check_graph(Graph(network).eval(), SIZE)
    try:
        one = write_graph(Graph(network).eval(), path, SIZE, form)
    except ValueError as error:
        return 'no: ' + str(error).partition(' cannot be written as ')[2]
    batch = 'one image' if one.batch else 'any batch'
    if one.size:
        return f'{batch}, one size'
    return f'{batch} and size'


COLUMNS = [
    ('onnx', 'rgb'),
    ('onnx', 'present'),
    ('torchscript', 'rgb'),
    ('torchscript', 'present'),
]
WIDTH = len(COLUMNS)  # that no other table of the page has


def _rows():
    """Return the cells of the table in the docs by network."""
    text = (TOP / 'docs/parts/deployment.md').read_text('utf-8')
    lines = re.findall(r'^\| `([\w-]+)` \| (.*) \|$', text, re.MULTILINE)
    found = {name: cells.split(' | ') for name, cells in lines}
    return {n: cells for n, cells in found.items() if len(cells) == WIDTH}


def test_the_table_has_a_row_for_each():
    assert list(_rows()) == list(FAMILIES)


@pytest.fixture
def as_if_large(monkeypatch):
    """Small networks take the ways of large ones, if an export did."""
    for name in ('LEAST_ROWS', 'LEAST_PRODUCTS'):
        monkeypatch.setattr(products, name, 0)
    monkeypatch.setattr(segformer_mlp_head, 'PART', 3)
    monkeypatch.setattr(in_place, 'LEAST', 0)


@pytest.mark.slow
@pytest.mark.usefixtures('as_if_large')
@each_family
def test_exports_as_the_table_says(name, tmp_path, capsys):
    network = _build(name)
    cells = [
        _kind(network, which, form, tmp_path / f'{which}{FORMATS[form]}')
        for form, which in COLUMNS
    ]
    with capsys.disabled():
        print(f'\n| `{name}` | {" | ".join(cells)} |')
    assert cells == _rows()[name]

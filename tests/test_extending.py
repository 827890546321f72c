"""docs/tutorials/extending.md: own parts, registered from outside."""

import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.fileio.backends import backends, prefix_to_backends
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from torch import nn

from mmseg_missing import registry
from mmseg_missing.adapters import attach, fold, save_adapter
from mmseg_missing.apis import init_model
from mmseg_missing.apis.model import load_config
from mmseg_missing.datasets.transforms import read_array
from mmseg_missing.fill import fill_absent
from mmseg_missing.modality import Stack
from mmseg_missing.sampling import Sampler

PAGE = Path(__file__).parents[1] / 'docs/tutorials/extending.md'
TINY = Path(__file__).parent / 'configs/tiny.py'
TABLES = [
    getattr(registry, name).module_dict for name in sorted(registry.__all__)
] + [MODELS.module_dict, DATASETS.module_dict]


@pytest.fixture(autouse=True)
def tables(forgetting):
    """Let no test leave anything behind."""
    before = [dict(table) for table in (*TABLES, backends, prefix_to_backends)]
    with forgetting(), DefaultScope.overwrite_default_scope('mmseg'):
        yield
    for table, old in zip((*TABLES, backends, prefix_to_backends), before):
        table.clear()
        table.update(old)
    sys.modules.pop('my_parts', None)


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Write the page's blocks as one module and one config."""
    blocks = re.findall(r'```python\n(.*?)```', PAGE.read_text('utf-8'), re.S)
    own = [block for block in blocks if block.startswith('# config')]
    parts = [block for block in blocks if block not in own]
    assert len(own) == 1 and len(parts) == 10
    (tmp_path / 'my_parts.py').write_text('\n\n'.join(parts))
    (tmp_path / 'my_base.py').write_text(f'_base_ = {str(TINY)!r}\n')
    (tmp_path / 'own.py').write_text(own[0])
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / 'own.py'


@pytest.fixture
def trained(config, files):
    """Return the page's network after a step."""
    model = init_model(config, files.base)
    dataset = DATASETS.build(load_config(config).train_dataloader.dataset)
    batch = pseudo_collate([dataset[0], dataset[1]])
    optimizer = torch.optim.SGD(model.adapters.parameters(), lr=0.1)
    model.train()
    model.train_step(batch, OptimWrapper(optimizer))
    assert model.adapters.rows.vector.any()
    return model.eval()


def test_parts_of_a_page_train_and_travel(config, trained, files, tmp_path):
    assert type(trained.sampler).__name__ == 'Curriculum'
    assert trained.adapters.row_mode == 'shared'
    assert trained.fill == {'rgb': 'zero', 'depth': 'far', 'thermal': 'zero'}
    path = tmp_path / 'own.safetensors'
    save_adapter(trained, path, {'fill': trained.fill, 'root': ''})
    for name in (config, TINY):  # a file says what it needs
        again = init_model(name, files.base, path)
        assert again.fill == trained.fill
        assert torch.equal(
            again.adapters.rows.vector, trained.adapters.rows.vector
        )
        inputs = torch.ones(1, 5, 32, 48)
        metas = [{'present': (True, False, True), 'img_shape': (32, 48)}]
        assert torch.equal(
            again.encode_decode(inputs, metas),
            trained.encode_decode(inputs, metas),
        )


@pytest.mark.parametrize(
    ('table', 'name', 'words'),
    [
        ('ROW_MODES', 'shared', "needs the row mode 'shared', which nobody"),
        ('FILLS', 'far', "needs the fill 'far', which nobody"),
        ('METHODS', 'Level', "of type 'Level', which nobody"),
    ],
)
def test_a_file_names_what_it_lacks(
    trained, files, tmp_path, table, name, words
):
    path = tmp_path / 'own.safetensors'
    save_adapter(trained, path, {'fill': trained.fill, 'root': ''})
    del getattr(registry, table).module_dict[name]
    with pytest.raises(ValueError, match=rf'{words}.*`custom_imports` brings'):
        init_model(TINY, files.base, path)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (
            {'sampler': 'Curiculum'},
            "sampler 'Curiculum'.*single, Curriculum",
        ),
        ({'fill': 'near'}, "fill 'near' for 'rgb'.*copy:<modality>.*, far"),
        ({'adapter': {'type': 'Levl'}}, "method 'Levl'.*Bottleneck, Level"),
        ({'adapter': {'rows': 'sharde'}}, "mode 'sharde'.*experts, shared"),
        ({'adapter': {'rank': 2}}, "keys .'rank'.*Level takes type"),
    ],
)
def test_an_unknown_name_lists_the_known(config, files, change, words):
    cfg = load_config(config)
    cfg.merge_from_dict({'model': change})
    with pytest.raises(ValueError, match=words):
        init_model(cfg, files.base)


def test_a_method_of_the_page_folds(config):
    load_config(config)
    stack = Stack([{'name': 'rgb'}, {'name': 'depth', 'channels': 1}])
    network = nn.Module()
    network.conv = nn.Conv2d(4, 3, 1, bias=False)
    network.norm = nn.BatchNorm2d(3)
    network.norm.running_var.fill_(4.0)
    network.forward = lambda x: network.norm(network.conv(x))
    method = sys.modules['my_parts'].Level
    bank = attach(network, stack, method=method, rows='shared')
    assert bank.num_parameters == 2
    bank.rows.vector.data.copy_(torch.tensor([0.5, -0.25]))
    bank.samples_seen += 1
    x = torch.randn(2, 4, 5, 7)
    with bank.told([(True, False), (False, True)]):
        expected = network(x)
    fold(network, 'rgb')
    torch.testing.assert_close(network(x), expected)


def test_a_network_of_the_page_fills(config, files):
    cfg = load_config(config)
    network = {'type': 'DepthFromColours', 'mean': 2.0, 'std': 4.0}
    cfg.model.fill = {'depth': network}
    model = init_model(cfg, files.base)
    x, present = torch.ones(1, 5, 8, 8), model.stack.present('rgb')
    with model._seeing(x, present, []) as filled:
        guess = model._networks['depth'].network(x[:, :3])
        assert torch.equal(filled[:, 3:4], (guess - 2.0) / 4.0)


def test_a_fault_in_a_pipeline(config):
    load_config(config)
    step = {'type': 'CorruptModality', 'fault': 'stripes', 'modality': 'rgb'}
    results = {'modalities': {'rgb': torch.ones(5, 97, 3).numpy()}}
    after = TRANSFORMS.build({**step, 'severity': 5})(results)
    lost = (after['modalities']['rgb'] == 0).all((0, 2)).mean()
    assert 0.2 < lost < 0.6
    with pytest.raises(ValueError, match=r"fault 'stripe'.*rain.*, stripes"):
        TRANSFORMS.build({**step, 'fault': 'stripe'})


def test_a_backend_of_the_page(config, tmp_path):
    load_config(config)
    (tmp_path / 'a.pgm').write_bytes(b'P5 2 1 255\nab')
    files = sys.modules['my_parts'].Memory.files
    files['memory://a.pgm'] = (tmp_path / 'a.pgm').read_bytes()
    assert read_array('memory://a.pgm').ravel().tolist() == [97, 98]


def test_registries_and_the_core_share_their_tables():
    from mmseg_missing import adapters, corruptions, fill, sampling

    for name, core in {
        'SAMPLERS': sampling,
        'ROW_MODES': adapters,
        'METHODS': adapters,
        'FILLS': fill,
        'FAULTS': corruptions,
    }.items():
        assert getattr(registry, name).module_dict is getattr(core, name)
    assert registry.SAMPLERS.get('uniform') is sampling.UniformSampler


@pytest.mark.parametrize(
    ('table', 'part', 'words'),
    [
        ('SAMPLERS', dict, 'subclass of Sampler'),
        ('ROW_MODES', dict, 'subclass of Rows'),
        ('METHODS', torch.nn.Linear, 'subclass of Adapter'),
        ('FAULTS', dict, 'levels'),
    ],
)
def test_a_part_of_another_kind_is_refused(table, part, words):
    with pytest.raises(TypeError, match=words):
        getattr(registry, table).register_module('mine', module=part)


def test_what_is_registered_twice_is_refused():
    with pytest.raises(KeyError, match='uniform is already registered'):
        registry.SAMPLERS.register_module(
            'uniform', module=registry.SAMPLERS.get('full')
        )


def test_a_sampler_and_a_fill_that_give_what_cannot_be():
    class Greedy(Sampler):
        def choose(self, options, turn):
            return torch.ones(2, dtype=torch.bool)

    stack = Stack([{'name': 'rgb'}, {'name': 'depth', 'channels': 1}])
    present = torch.tensor([[True, False]])
    with pytest.raises(ValueError, match=r'Greedy chose .*True, True'):
        Greedy(stack).draw(present, 0)
    registry.FILLS.register_module(
        'wide', module=lambda absent: absent.inputs.new_zeros(3, 1, 1)
    )
    with pytest.raises(ValueError, match=r"'wide' gave .*\(1, 1, 5, 7\)"):
        fill_absent(torch.ones(1, 4, 5, 7), present, stack, 'wide')


def test_a_backbone_of_the_page_is_adapted(config):
    cfg = load_config(config)
    cfg.model.backbone = {
        'type': 'Meeting',
        'in_channels': [3, 1, 1],
        'dim': 8,
    }
    cfg.model.decode_head.in_channels = [8, 8, 8, 8]
    network = MODELS.build(cfg.model).eval()
    assert {'backbone.stems.1', 'backbone.levels.2'} <= {
        site.name for site in network.adapters.sites
    }
    metas = [{'present': (True, False, True), 'img_shape': (32, 48)}]
    logits = network.encode_decode(torch.ones(1, 5, 32, 48), metas)
    assert logits.shape == (1, 11, 32, 48)


def test_a_data_set_of_the_page_reads(config, tmp_path):
    load_config(config)
    kelvin = np.full((5, 7), 30000, np.uint16)
    for folder, image in (
        ('rgb', np.full((5, 7, 3), 9, np.uint8)),
        ('heat', kelvin),
        ('labels', np.uint8(kelvin % 3)),
    ):
        (tmp_path / 'may' / folder).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / 'may' / folder / '1.png'), image)
    dataset = DATASETS.build(
        {
            'type': 'Orchard',
            'data_root': str(tmp_path),
            'day': 'may',
            'pipeline': [
                {'type': 'LoadModalities'},
                {'type': 'LoadLabel', 'num_classes': 3},
                {'type': 'PackModalities'},
            ],
            'modalities': [
                {'name': 'rgb'},
                {'name': 'thermal', 'channels': 1},
            ],
        }
    )
    assert dataset.metainfo['classes'] == ('leaf', 'fruit', 'rest')
    inputs = dataset[0]['inputs']
    assert inputs.shape == (4, 5, 7)
    torch.testing.assert_close(inputs[3], torch.full((5, 7), 26.85))

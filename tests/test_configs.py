"""Every config builds, keeps its name, and is listed where users look."""

import copy
import datetime
import functools
import importlib.util
import re
from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS, MODELS
from torch.overrides import TorchFunctionMode

import mmseg_missing
from mmseg_missing.datasets.pipeline import complete_pipeline
from mmseg_missing.modality import Stack

TOP = Path(mmseg_missing.__file__).parents[1]
ROOT = TOP / 'configs'
CONFIGS = sorted(
    path
    for path in ROOT.rglob('*.py')
    if '_base_' not in path.relative_to(ROOT).parts
)
NAME = re.compile(r'[\w-]+?_[\w-]+?_\d+xb(?P<batch>\d+)-(?P<epochs>\d+)e_')
each_config = pytest.mark.parametrize(
    'path', CONFIGS, ids=lambda path: str(path.relative_to(ROOT))
)


class OnMeta(TorchFunctionMode):
    """Weights without memory; backbones read the numbers of linspace."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.linspace:
            kwargs['device'] = 'cpu'
        return func(*args, **kwargs)


def is_adapted(path):
    kinds = 'ssf|predicted|imputer|hybrid|recover'
    return re.search(f'-({kinds})', path.stem) is not None


@functools.cache
def read_config(path):
    return Config.fromfile(path)


@pytest.fixture(scope='module')
def results():
    """The script that writes what is made of the table of results."""
    path = TOP / '.dev_scripts/results.py'
    spec = importlib.util.spec_from_file_location('results', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def table(results):
    """What the table says, by config."""
    found = list(results.entries())
    by_config = {entry['config']: entry for entry in found}
    assert len(by_config) == len(found)
    return by_config


def test_configs_are_found():
    assert CONFIGS


def test_rules_of_published_results():
    """CMNeXt's code counts what occurs nowhere as 0, others leave it out."""
    rules = {
        path.name.partition('_')[0]: read_config(path).test_evaluator.get(
            'iou_rule', 'mmseg'
        )
        for path in ROOT.glob('_base_/datasets/*.py')
    }
    assert {n for n, rule in rules.items() if rule == 'cmnext'} == {
        'deliver',
        'mcubes',
    }


@each_config
def test_config_builds(path, table):
    config = copy.deepcopy(read_config(path))
    if 'mmpretrain.' in str(config.model):
        pytest.importorskip('mmpretrain.models', exc_type=ImportError)
    assert config.default_scope == 'mmseg'
    meta = torch.device('meta')
    with DefaultScope.overwrite_default_scope('mmseg'):
        with meta, OnMeta():
            network = MODELS.build(config.model)
        for part in ('train', 'val', 'test'):
            loader = config[f'{part}_dataloader']
            assert DATASETS.get(loader.dataset.type)
            steps = loader.dataset.pipeline, config.get('tta_pipeline', [])
            for pipeline in steps:
                Compose(complete_pipeline(pipeline, config.model.stack))
    bank = getattr(network, 'adapters', None)
    base = sum(
        weight.numel()
        for weight in network.parameters()
        if bank is None or not weight.requires_grad
    )
    listed = table[str(path.relative_to(TOP))]
    assert listed['parameters'] == base > 0
    assert listed.get('adapters') == getattr(bank, 'num_parameters', None)


@each_config
def test_config_does_what_its_name_says(path):
    lines = path.read_text().splitlines()
    listed = str(path.relative_to(TOP))
    assert lines[0] == f'# mmseg-missing train {listed}'
    config = read_config(path)
    said = {
        key: int(v) for key, v in NAME.match(path.stem).groupdict().items()
    }
    assert config.train_dataloader.batch_size == said['batch']
    assert config.train_cfg.max_epochs == said['epochs']
    # So it ends with the training.
    assert 'end' not in config.param_scheduler[-1]


@each_config
def test_adapters_stand_on_the_last_checkpoint_of_a_sibling(path):
    base = read_config(path).get('base')
    assert bool(base) == is_adapted(path)
    if base:
        base = Path(base)
        sibling = path.with_name(f'{base.parent.name}.py')
        epochs = read_config(sibling).train_cfg.max_epochs
        assert base.name == f'epoch_{epochs}.pth'


@each_config
def test_what_all_adapters_share_stands_in_one_file(path):
    config, text = read_config(path), path.read_text()
    if not is_adapted(path):
        assert not {'adapter', 'teacher'} & set(config.model)
        assert not config.get('custom_hooks')
        return
    lines = [line for line in text.splitlines() if not line.startswith('#')]
    assert len(lines) <= 15
    assert not re.search('custom_hooks|find_unused_parameters', text)
    assert config.find_unused_parameters
    assert [hook.type for hook in config.custom_hooks] == [
        'FrozenBaseCheckHook',
        # The second, because `custom_hooks.1.base=FILE` is in users' scripts.
        'AdapterCheckpointHook',
    ]
    decay = 1e-4 if 'teacher' in path.stem else 0.0
    assert config.optim_wrapper.optimizer.weight_decay == decay
    paramwise = config.optim_wrapper.paramwise_cfg
    assert set(paramwise or {}) <= {'custom_keys'}


@each_config
def test_validation_is_there_and_waits(path):
    config = read_config(path)
    assert config.val_cfg.type == 'CombinationValLoop'
    assert config.val_evaluator == config.test_evaluator
    assert config.train_cfg.val_begin > config.train_cfg.max_epochs
    stack = Stack(config.model.stack)
    assert len(stack.choose(config.val_cfg.get('present', 'every'))) <= 7
    parts = [config[f'{part}_dataloader'].dataset for part in ('val', 'test')]
    for part in parts:
        assert part.modalities == config.train_dataloader.dataset.modalities
        assert Stack(part.modalities).names == stack.names
    val, test = (
        {
            key: value
            for key, value in part.items()
            if key not in ('split', 'start', 'names')
        }
        for part in parts
    )
    val.pop('num_scenes', None), test.pop('num_scenes', None)
    assert val == test
    assert parts[0] != parts[1]


def test_the_table_lists_every_config_once(table):
    assert set(table) == {str(path.relative_to(TOP)) for path in CONFIGS}


def test_figures_say_where_they_come_from(table):
    run = [entry for entry in table.values() if 'miou' in entry]
    assert len(run) > 20
    for entry in run:
        assert ('seed' in entry) != ('seeds' in entry)
        assert isinstance(entry['date'], datetime.date) and entry['command']
        page = (TOP / entry['page']).read_text('utf-8')
        miou = entry['miou']
        scores = miou if isinstance(miou, dict) else {'': miou}
        # A mean over all combinations stands on no page, but its terms do.
        for of, score in scores.items():
            is_mean = of.endswith(' combinations') and 'missing' not in of
            assert is_mean or f'{score:.2f}' in page


def test_what_is_made_of_the_table_is_up_to_date(results):
    for name, text in results.outputs().items():
        assert results.read(name) == text, 'run `make results`'


def test_a_figure_is_written_wherever_it_belongs(results, monkeypatch):
    read = results.read
    before = results.outputs()
    new = {
        'configs/results.yml': read('configs/results.yml').replace(
            '22.31', '99.5'
        )
    }
    monkeypatch.setattr(results, 'read', lambda n: new.get(n, read(n)))
    after = results.outputs()
    config = 'configs/cmnext/cmnext_narrow_1xb8-30e_nyuv2-13-rgb-72x96.py'
    assert {name for name in after if after[name] != before[name]} == {
        config,
        'configs/cmnext/metafile.yml',
        'docs/model_zoo.md',
    }
    assert 'mIoU 99.50; docs' in after[config]
    assert '| 99.50 |' in after['docs/model_zoo.md']


def test_metafiles_name_what_exists():
    index = yaml.safe_load((TOP / 'model-index.yml').read_text())
    assert index['Import']
    for name in index['Import']:
        file = yaml.safe_load((TOP / name).read_text())
        names = [collection['Name'] for collection in file['Collections']]
        assert {model['In Collection'] for model in file['Models']} == {*names}
        for collection in file['Collections']:
            assert (TOP / collection['README']).is_file()
            assert (TOP / collection['Code']['URL']).is_file()

"""Every config builds, keeps its name, and is listed where users look."""

import copy
import functools
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


@functools.cache
def read_config(path):
    return Config.fromfile(path)


def metafiles():
    index = yaml.safe_load((TOP / 'model-index.yml').read_text())
    return [
        yaml.safe_load((TOP / name).read_text()) for name in index['Import']
    ]


@pytest.fixture(scope='module')
def models():
    """What metafiles say, by config."""
    found = [model for file in metafiles() for model in file['Models']]
    by_config = {model['Config']: model for model in found}
    assert len(by_config) == len(found)
    return by_config


@pytest.fixture(scope='module')
def rows():
    """Cells of docs/model_zoo.md by config: parameters, adapters, two mIoU."""
    text = (TOP / 'docs/model_zoo.md').read_text()
    lines = re.findall(r'^\| \[(.+?)\]\(\.\./(.+?)\) \|(.*) \|$', text, re.M)
    by_config = {}
    for name, config, cells in lines:
        assert Path(config).stem == name and config not in by_config
        by_config[config] = [c.strip() for c in cells.split('|')][2:6]
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
def test_config_builds(path, models, rows):
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
    listed = str(path.relative_to(TOP))
    metadata = models[listed]['Metadata']
    assert metadata['Parameters'] == base > 0
    adapters = ''
    if bank is not None:
        numbers = bank.num_parameters
        assert metadata['Adapter Parameters'] == numbers
        adapters = f'{numbers:,} ({100 * numbers / base:.2f} %)'
    assert rows[listed][:2] == [f'{base:,}', adapters]


@each_config
def test_config_does_what_its_name_says(path, models):
    lines = path.read_text().splitlines()
    listed = str(path.relative_to(TOP))
    assert lines[0] == f'# python tools/train.py {listed}'
    config = read_config(path)
    said = {
        key: int(v) for key, v in NAME.match(path.stem).groupdict().items()
    }
    assert config.train_dataloader.batch_size == said['batch']
    assert config.train_cfg.max_epochs == said['epochs']
    # So it ends with the training.
    assert 'end' not in config.param_scheduler[-1]
    assert models[listed]['Metadata']['Epochs'] == said['epochs']


@each_config
def test_adapters_stand_on_the_last_checkpoint_of_a_sibling(path):
    base = read_config(path).get('base')
    assert bool(base) == ('-ssf' in path.stem)
    if base:
        base = Path(base)
        sibling = path.with_name(f'{base.parent.name}.py')
        epochs = read_config(sibling).train_cfg.max_epochs
        assert base.name == f'epoch_{epochs}.pth'


@each_config
def test_what_all_adapters_share_stands_in_one_file(path):
    config, text = read_config(path), path.read_text()
    if '-ssf' not in path.stem:
        assert not {'adapter', 'teacher'} & set(config.model)
        assert not config.get('custom_hooks')
        return
    lines = [line for line in text.splitlines() if not line.startswith('#')]
    assert len(lines) <= 13
    assert not re.search('custom_hooks|find_unused_parameters', text)
    assert config.find_unused_parameters
    assert [hook.type for hook in config.custom_hooks] == [
        'FrozenBaseCheckHook',
        # The second, because `custom_hooks.1.base=FILE` is in users' scripts.
        'AdapterCheckpointHook',
    ]
    decay = 1e-4 if 'teacher' in path.stem else 0.0
    assert config.optim_wrapper.optimizer.weight_decay == decay
    assert config.optim_wrapper.paramwise_cfg is None


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
        {k: v for k, v in part.items() if k not in ('split', 'start')}
        for part in parts
    )
    val.pop('num_scenes', None), test.pop('num_scenes', None)
    assert val == test
    assert parts[0] != parts[1]


def test_metafiles_list_every_config_once(models, rows):
    expected = {str(path.relative_to(TOP)) for path in CONFIGS}
    assert set(models) == expected == set(rows)
    for config, model in models.items():
        assert model['Name'] == Path(config).stem


def test_metafiles_name_what_exists():
    for file in metafiles():
        names = [collection['Name'] for collection in file['Collections']]
        assert {model['In Collection'] for model in file['Models']} == {*names}
        for collection in file['Collections']:
            assert (TOP / collection['README']).is_file()
            assert (TOP / collection['Code']['URL']).is_file()


def measured(path):
    """Numbers of a config's second comment by what they are of."""
    line = path.read_text().splitlines()[1]
    said = line.removeprefix('# Result: ')
    assert said != line
    if said == 'not run yet':
        return {}
    text = re.search(r'mIoU ([^;]*)', said)[1]
    numbers = re.findall(r'(\d+\.\d+)(?: \(([^)]*)\))?', text)
    if not numbers[0][1]:
        return {'mIoU': float(numbers[0][0])}
    return {f'mIoU ({of})': float(number) for number, of in numbers if of}


@each_config
def test_results_are_those_of_the_config(path, models, rows):
    listed, said = str(path.relative_to(TOP)), measured(path)
    told = models[listed].get('Results')
    # What other epochs gave stands in the table only.
    if '# Result: with' in path.read_text():
        assert told is None
    else:
        assert bool(told) == bool(said)
    if told:
        assert told[0]['Metrics'] == said
        assert (
            told[0]['Dataset'] == models[listed]['Metadata']['Training Data']
        )
    cells = rows[listed][2:]
    numbers = re.findall(r'\d+\.\d+', ' '.join(cells))
    assert sorted(map(float, numbers)) == sorted(said.values())
    assert (cells == ['not run yet'] * 2) == (not said)

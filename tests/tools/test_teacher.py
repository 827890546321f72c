"""Adapt with a teacher and a learned fill: train, export, test, fold."""

import json
import math
from types import SimpleNamespace

import pytest
import torch

from mmseg_missing.adapters import read_adapter
from mmseg_missing.engine.checkpoints import read_state

LOSSES = {
    'decode.loss_ce',
    'teacher.loss_kl',
    'teacher.loss_cwd',
    'teacher.loss_feature',
}
FILL = ('rgb', 'depth', 'thermal')


def train(run, folder, configs, name, *options):
    run(
        'train.py',
        configs / 'tiny-teacher.py',
        '--work-dir',
        name,
        *options,
    )
    return SimpleNamespace(
        joined=folder / name / 'epoch_1.pth',
        adapter=folder / name / 'adapter.safetensors',
        log=[
            json.loads(line)
            for path in (folder / name).glob('*/vis_data/scalars.json')
            for line in path.read_text().splitlines()
        ],
    )


@pytest.fixture(scope='module')
def taught(run, trained, folder, configs):
    return train(run, folder, configs, 'taught')


def moved(checkpoint, base):
    """Names of the adapters' numbers that are not zero."""
    frozen = read_state(base)
    return {
        key.removeprefix('adapters.')
        for key, value in read_state(checkpoint).items()
        if key not in frozen and value.any()
    }


def test_the_run_is_finite_and_says_what_it_lost(taught):
    lines = [line for line in taught.log if 'loss' in line]
    assert len(lines) == 2
    assert all(set(line) >= LOSSES for line in lines)
    for line in lines:
        numbers = [v for v in line.values() if isinstance(v, float)]
        assert all(math.isfinite(value) for value in numbers), line
    assert all(line['teacher.loss_kl'] > 0 for line in lines)


def test_adapters_learn_and_nothing_else(taught, trained):
    base, joined = read_state(trained.base), read_state(taught.joined)
    assert all(torch.equal(joined[key], value) for key, value in base.items())
    found = moved(taught.joined, trained.base)
    assert {f'fill.{name}' for name in FILL} < found
    assert {'rows.table.rgb', 'rows.table.rgb+depth'} < found


def test_images_without_labels_alone_teach(run, trained, folder, configs):
    """Not one label: rows and fill move all the same."""
    options = (
        '--cfg-options',
        'train_dataloader.dataset.datasets.0.labelled=False',
    )
    found = train(run, folder, configs, 'unlabelled', *options)
    lines = [line for line in found.log if 'loss' in line]
    assert all(line['decode.loss_ce'] == 0 for line in lines)
    assert not any('acc_seg' in key for line in lines for key in line)
    names = moved(found.joined, trained.base)
    assert {f'fill.{name}' for name in FILL} < names
    assert {'rows.table.rgb', 'rows.table.rgb+depth'} < names


def test_images_without_labels_need_a_teacher(trained, refused, configs):
    config = configs / 'tiny-teacher.py'
    options = ('--cfg-options', 'model.teacher=None', '--work-dir', 'none')
    line = refused('train.py', config, *options)
    assert 'set `model.teacher`' in line


def test_exported_is_what_training_wrote(run, taught, configs, tmp_path):
    path = tmp_path / 'exported.safetensors'
    run('export_adapter.py', configs / 'tiny-teacher.py', taught.joined, path)
    metadata, tensors = read_adapter(path)
    expected, written = read_adapter(taught.adapter)
    assert metadata == expected
    assert metadata['fill'] == dict.fromkeys(FILL, 'learned')
    assert {f'fill.{name}' for name in FILL} < set(tensors)
    torch.testing.assert_close(tensors, written, rtol=0, atol=0)


@pytest.mark.filterwarnings('ignore:the adapter row:UserWarning')
def test_the_file_restores_the_fill(taught, trained, score, configs):
    """On the base's config, which knows neither fill nor teacher."""
    report = score(trained.config, trained.base, '--adapter', taught.adapter)
    joined = score(configs / 'tiny-teacher.py', taught.joined)
    assert report.fill == joined.fill == 'learned'
    assert report.combinations == joined.combinations
    base = score(trained.config, trained.base)
    assert report.combinations[0] == base.combinations[0]
    assert report.combinations[1] != base.combinations[1]


def test_another_fill_than_that_of_the_file(refused, taught, trained):
    files = (trained.config, trained.base, '--adapter', taught.adapter)
    assert '`model.fill`' in refused('test.py', *files, '--fill', 'zero')


def test_learned_fill_needs_adapters(refused, trained):
    files = (trained.config, trained.base, '--fill', 'learned')
    assert '`model.adapter`' in refused('test.py', *files)


@pytest.mark.parametrize('config', ['tiny.py', 'tiny-teacher.py', None])
def test_folded_keeps_the_fill(
    run, taught, trained, score, configs, folder, config
):
    path = folder / 'folded_taught.pth'
    if not path.exists():
        files = (trained.config, trained.base, path)
        options = ('--adapter', taught.adapter, '--combination', 'rgb')
        run('fold_adapter.py', *files, *options)
    config = configs / config if config else path.with_suffix('.py')
    files = (trained.config, trained.base, '--adapter', taught.adapter)
    adapted = score(*files, '--present', 'rgb')
    plain = score(config, path)
    assert plain.combinations == adapted.combinations
    assert plain.fill == 'learned'
    vectors = torch.load(path, weights_only=False)['meta']['folded']['fill']
    _, tensors = read_adapter(taught.adapter)
    assert vectors == {n: tensors[f'fill.{n}'].tolist() for n in FILL}

"""Adapters out of a joined checkpoint, and dissolved into a network."""

import pytest
import torch

from mmseg_missing.adapters import read_adapter


@pytest.fixture(scope='module')
def folded(run, trained):
    path = trained.base.with_name('folded_rgb.pth')
    run(
        'fold_adapter.py',
        trained.config,
        trained.base,
        path,
        '--adapter',
        trained.adapter,
        '--combination',
        'rgb',
    )
    return path


def test_exported_is_what_training_wrote(run, trained, tmp_path, capsys):
    path = tmp_path / 'exported.safetensors'
    run('export_adapter.py', trained.adapted_config, trained.joined, path)
    assert 'rgb+depth, rgb+thermal' in capsys.readouterr().out
    ours, our_rows = read_adapter(path)
    theirs, their_rows = read_adapter(trained.adapter)
    assert ours == theirs
    torch.testing.assert_close(our_rows, their_rows, rtol=0, atol=0)


@pytest.mark.parametrize('config', ['tiny.py', 'tiny-ssf.py', None])
def test_folded_scores_as_adapted(folded, trained, score, configs, config):
    """Under the base's config, the sibling's, and the one written beside."""
    config = configs / config if config else folded.with_suffix('.py')
    files = (trained.adapted_config, trained.base)
    adapted = score(*files, '--adapter', trained.adapter, '--present', 'rgb')
    (plain,) = score(config, folded).combinations
    assert plain == adapted.combinations[0]
    assert plain.name == 'rgb'


def test_folded_is_no_larger_than_the_base_but_for_biases(folded, trained):
    base = torch.load(trained.base, weights_only=False)['state_dict']
    file = torch.load(folded, weights_only=False)
    assert file['meta']['folded']['combination'] == 'rgb'
    folded = file['meta']['folded']
    gained = {f'{name}.bias' for name in folded['biases']}
    lost = {k for k in base if k.rpartition('.')[0] in folded['norms']}
    assert gained and lost
    assert set(file['state_dict']) == set(base) - lost | gained


def test_folded_serves_nothing_else(refused, folded, trained):
    line = refused('test.py', trained.config, folded, '--present', 'depth')
    assert 'folded for rgb' in line


def test_folded_has_its_adapter(refused, folded, trained):
    line = refused(
        'test.py', trained.config, folded, '--adapter', trained.adapter
    )
    assert 'leave `--adapter` out' in line


@pytest.mark.parametrize(
    ('options', 'word'),
    [
        (['--combination', 'lidar'], "unknown modality 'lidar'"),
        (['--combination', ''], 'at least one'),
        (['--combination', 'depth'], "no trained row for 'depth'"),
    ],
)
def test_wrong_combination(refused, trained, tmp_path, options, word):
    files = (trained.config, trained.base, tmp_path / 'folded.pth')
    line = refused(
        'fold_adapter.py', *files, '--adapter', trained.adapter, *options
    )
    assert word in line
    assert not list(tmp_path.iterdir())


def test_nothing_to_fold(refused, trained, tmp_path):
    files = (trained.config, trained.base, tmp_path / 'folded.pth')
    line = refused('fold_adapter.py', *files, '--combination', 'rgb')
    assert '--adapter' in line


@pytest.mark.parametrize(
    ('config', 'checkpoint', 'word'),
    [
        ('config', 'base', '`model.adapter`'),
        ('adapted_config', 'base', 'no adapter row was trained'),
        ('config', 'joined', 'use the config'),
    ],
)
def test_nothing_to_export(
    refused, trained, tmp_path, config, checkpoint, word
):
    files = getattr(trained, config), getattr(trained, checkpoint)
    line = refused('export_adapter.py', *files, tmp_path / 'x.safetensors')
    assert word in line
    assert not list(tmp_path.iterdir())

"""Trainings that must not begin, and one that must stop."""

import pytest

from mmseg_missing.engine import locked


def test_work_folder_of_another_training(refused, trained, folder):
    options = ('--work-dir', 'shared')
    with locked(folder / 'shared'):
        line = refused('train.py', trained.config, *options)
    assert 'another training (process ' in line and 'train.lock' in line
    # It built nothing, so that nothing of the first one was overwritten.
    assert list((folder / 'shared').iterdir()) == []


@pytest.mark.parametrize('value', ['nan', 'inf', '-inf', '1e39'])
def test_learning_rate(refused, trained, value):
    key = 'optim_wrapper.optimizer.lr'
    line = refused(
        'train.py', trained.config, '--cfg-options', f'{key}={value}'
    )
    assert f'`{key}` takes a finite number' in line


def test_diverged_adapters(refused, trained, folder):
    options = ('--work-dir', 'diverged', '--cfg-options')
    options += ('optim_wrapper.optimizer.lr=1e30',)
    line = refused('train.py', trained.adapted_config, *options)
    assert 'lower `optim_wrapper.optimizer.lr`' in line
    left = {path.name for path in (folder / 'diverged').iterdir()}
    assert not left & {'adapter.safetensors', 'last_checkpoint', 'train.lock'}

"""Trainings that must not begin, and one that must stop."""

import pytest

from mmseg_missing.adapters import read_adapter
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
    """Rows that are drawn again, in the second epoch, give a loss of NaN."""
    options = ('--work-dir', 'diverged', '--cfg-options')
    options += ('optim_wrapper.optimizer.lr=1e30', 'train_cfg.max_epochs=3')
    line = refused('train.py', trained.adapted_config, *options)
    assert 'the loss is nan in iteration' in line
    assert "images ['sample_00000" in line and "epoch_1.pth'" in line
    assert 'lower `optim_wrapper.optimizer.lr`' in line
    _, rows = read_adapter(folder / 'diverged' / 'adapter.safetensors')
    assert all(row.isfinite().all() for row in rows.values())
    assert not (folder / 'diverged' / 'train.lock').exists()


def test_a_run_that_ends_in_its_warm_up(run, trained, tmp_path):
    schedule = trained.config.parents[2] / 'configs/_base_/schedules/small.py'
    text = schedule.read_text().partition('param_scheduler')
    config = tmp_path / 'short.py'
    config.write_text(f'_base_ = {str(trained.config)!r}\n{"".join(text[1:])}')
    run('train.py', config, '--work-dir', tmp_path)
    assert (tmp_path / 'epoch_1.pth').is_file()

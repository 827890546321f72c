"""Stages run once, and again where what they stand on changed."""

from pathlib import Path

import pytest
import torch

from mmseg_missing.apis import stages
from mmseg_missing.apis.model import load_config
from mmseg_missing.evaluation import CombinationScores, Report

TINY = Path(__file__).parents[1] / 'configs/tiny.py'
SEVEN = {'mmseg': 7.0, 'cmnext': 7.0}
SCORES = CombinationScores('rgb', 3, SEVEN, SEVEN, 11.0, (None,))
REPORT = Report(('rgb',), ('a',), 'mmseg', 'zero', 'test', (), (SCORES,))


@pytest.fixture
def ran(monkeypatch):
    """Note what would run; a training writes a checkpoint."""
    ran = []

    def train(cfg):
        ran.append(cfg)
        path = Path(cfg.work_dir) / 'epoch_1.pth'
        torch.save({'state_dict': {'a': torch.zeros(1)}}, path)
        (path.parent / 'last_checkpoint').write_text(path.name)

    def score(cfg, *args, out, base=None):
        ran.append(cfg)
        return REPORT

    monkeypatch.setattr(stages, 'train', train)
    monkeypatch.setattr(stages, 'score', score)
    return ran


@pytest.fixture
def cfg():
    return load_config(TINY)


def test_finished_stage_is_reused(ran, cfg, tmp_path, capsys):
    first = stages.train_stage(cfg, tmp_path, 'base')
    again = stages.train_stage(cfg, tmp_path, 'base')
    assert first.checkpoint == again.checkpoint == tmp_path / 'epoch_1.pth'
    assert (first.is_reused, again.is_reused) == (False, True)
    assert len(ran) == 1
    assert 'reused' in capsys.readouterr().out


def test_stage_without_its_checkpoint_runs_again(ran, cfg, tmp_path):
    done = stages.train_stage(cfg, tmp_path, 'base')
    done.checkpoint.unlink()
    (tmp_path / 'last_checkpoint').unlink()
    assert stages.train_stage(cfg, tmp_path, 'base').checkpoint.is_file()
    assert len(ran) == 2


def test_another_training_is_refused(ran, cfg, tmp_path):
    stages.train_stage(cfg, tmp_path, 'base')
    cfg.randomness.seed = 5
    with pytest.raises(ValueError, match=r'`randomness.seed` differs'):
        stages.train_stage(cfg, tmp_path, 'base')
    stages.forget(tmp_path)
    stages.train_stage(cfg, tmp_path, 'base')
    assert len(ran) == 2


def test_a_foreign_folder_is_refused(ran, cfg, tmp_path):
    (tmp_path / 'epoch_3.pth').write_bytes(b'')
    torch.save({}, tmp_path / 'epoch_3.pth')
    with pytest.raises(ValueError, match='another training'):
        stages.train_stage(cfg, tmp_path, 'base')
    stages.forget(tmp_path)  # no stage wrote it
    assert (tmp_path / 'epoch_3.pth').is_file()


def test_inputs_count_by_content(ran, cfg, tmp_path):
    base = tmp_path / 'base.bin'
    base.write_text('one')
    stages.train_stage(cfg, tmp_path / 'run', 'adapters', [base, None])
    base.write_text('one')
    stages.train_stage(cfg, tmp_path / 'run', 'adapters', [base, None])
    base.write_text('two')
    with pytest.raises(ValueError, match='of other files'):
        stages.train_stage(cfg, tmp_path / 'run', 'adapters', [base])
    assert len(ran) == 1


def test_where_and_how_loudly_do_not_count(ran, cfg, tmp_path):
    stages.train_stage(cfg, tmp_path, 'base')
    cfg.log_level, cfg.work_dir = 'DEBUG', 'elsewhere'
    assert stages.train_stage(cfg, tmp_path, 'other', quiet=False).is_reused


def test_a_training_that_failed_is_not_finished(
    ran, cfg, tmp_path, monkeypatch
):
    train = stages.train

    def fail(cfg):
        train(cfg)
        raise ValueError('out of luck')

    with monkeypatch.context() as patch:
        patch.setattr(stages, 'train', fail)
        with pytest.raises(ValueError, match='out of luck'):
            stages.train_stage(cfg, tmp_path, 'base')
    done = stages.train_stage(cfg, tmp_path, 'base')
    assert not done.is_reused and len(ran) == 2
    assert ran[1].resume


@pytest.mark.parametrize('changed', ['checkpoint', 'adapter', None])
def test_scores_stand_on_checkpoint_and_adapter(ran, cfg, tmp_path, changed):
    checkpoint = stages.train_stage(cfg, tmp_path, 'base').checkpoint
    adapter = tmp_path / 'adapter.safetensors'
    adapter.write_text('rows')
    args = cfg, checkpoint, tmp_path / 'test', 'score', adapter
    assert stages.score_stage(*args) == REPORT
    if changed == 'adapter':
        adapter.write_text('others')
    if changed == 'checkpoint':
        torch.save({'state_dict': {'a': torch.ones(1)}}, checkpoint)
    assert stages.score_stage(*args) == REPORT
    assert len(ran) == (3 if changed else 2)


def test_scores_do_not_depend_on_the_training(ran, cfg, tmp_path):
    checkpoint = stages.train_stage(cfg, tmp_path, 'base').checkpoint
    args = checkpoint, tmp_path / 'test', 'score'
    stages.score_stage(cfg, *args)
    cfg.train_cfg.max_epochs = 5
    stages.score_stage(cfg, *args)
    assert len(ran) == 2
    assert ran[1].train_dataloader is None
    cfg.model.fill = 'black'
    stages.score_stage(cfg, *args)
    assert len(ran) == 3


def test_bar_instead_of_log(ran, cfg, tmp_path):
    stages.train_stage(cfg, tmp_path, 'train the base')
    assert ran[0].log_level == 'ERROR'
    bar = {'type': 'ProgressBarHook', 'title': 'train the base'}
    assert ran[0].custom_hooks[-1] == bar
    assert cfg.log_level == 'INFO'
    stages.train_stage(cfg, tmp_path / 'loud', 'again', quiet=False)
    assert ran[1].log_level == 'INFO'
    assert bar not in ran[1].get('custom_hooks', ())

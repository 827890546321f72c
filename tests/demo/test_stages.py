"""Stages of the demo run once, and again where what they stand on changed."""

import os
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmseg_missing.evaluation import CombinationScores, Report

STAGES = Path(__file__).parents[2] / 'demo/stages.py'
BASE = 'cmnext_small_1xb8-12e_scenes-rgbdt-64x96'
ADAPTED = 'cmnext_small-ssf_1xb8-12e_scenes-rgbdt-64x96'
SEVEN = {'mmseg': 7.0, 'cmnext': 7.0}
SCORES = CombinationScores('rgb', 3, SEVEN, SEVEN, 11.0, (None,))
REPORT = Report(('rgb',), ('a',), 'mmseg', 'zero', 'test', (), (SCORES,))


class FakeRunner:
    """Note what ran, write the checkpoint that training would."""

    ran = []

    def __init__(self, cfg):
        self.cfg, self.model = cfg, None
        metric = SimpleNamespace(report=REPORT)
        self.test_evaluator = SimpleNamespace(metrics=[metric])

    @classmethod
    def from_cfg(cls, cfg):
        return cls(cfg)

    def train(self):
        self.ran.append(('train', self.cfg))
        folder = Path(self.cfg.work_dir)
        folder.mkdir(parents=True, exist_ok=True)
        epochs = self.cfg.train_cfg.max_epochs
        (folder / f'epoch_{epochs}.pth').write_text('weights')

    def test(self):
        self.ran.append(('test', self.cfg))


@pytest.fixture
def stages(monkeypatch):
    """The module, with a Runner that takes no time."""
    stages = runpy.run_path(str(STAGES))
    for function in ('train', 'score'):
        names = stages[function].__globals__
        monkeypatch.setitem(names, 'Runner', FakeRunner)
        monkeypatch.setitem(names, 'read_checkpoint', lambda path: {})
        monkeypatch.setitem(names, 'configure', lambda *args: None)
        monkeypatch.setitem(names, 'load_weights', lambda *args: None)
    monkeypatch.setattr(FakeRunner, 'ran', [])
    return SimpleNamespace(**stages)


def make_newer(path, seconds=10):
    now = path.stat().st_mtime + seconds
    os.utime(path, (now, now))


def test_finished_stage_is_reused(stages, tmp_path, capsys):
    first = stages.train(BASE, 'base', tmp_path)
    again = stages.train(BASE, 'base', tmp_path)
    assert first == again
    assert first.checkpoint == tmp_path / BASE / 'epoch_12.pth'
    assert first.checkpoint.is_file()
    assert len(FakeRunner.ran) == 1
    assert 'reused' in capsys.readouterr().out


def test_stage_without_its_checkpoint_runs_again(stages, tmp_path):
    stages.train(BASE, 'base', tmp_path).checkpoint.unlink()
    assert stages.train(BASE, 'base', tmp_path).checkpoint.is_file()
    assert len(FakeRunner.ran) == 2


def test_changed_config_runs_again(stages, tmp_path, monkeypatch):
    stages.train(BASE, 'base', tmp_path)
    load_config = stages.load_config

    def load(path, options):
        return load_config(path, {**options, 'randomness.seed': 1})

    names = stages.train.__globals__
    monkeypatch.setitem(names, 'load_config', load)
    stages.train(BASE, 'base', tmp_path)
    stages.train(BASE, 'base', tmp_path)
    assert len(FakeRunner.ran) == 2


def test_adapters_stand_on_their_base(stages, tmp_path):
    base = stages.train(BASE, 'base', tmp_path).checkpoint
    adapted = [ADAPTED, 'adapters', tmp_path, base]
    stages.train(*adapted)
    stages.train(*adapted)
    assert len(FakeRunner.ran) == 2
    assert FakeRunner.ran[-1][1].base == str(base)
    make_newer(base)
    stages.train(*adapted)
    assert len(FakeRunner.ran) == 3


@pytest.mark.parametrize('changed', ['checkpoint', 'adapter', None])
def test_scores_stand_on_checkpoint_and_adapter(stages, tmp_path, changed):
    trained = stages.train(BASE, 'base', tmp_path)
    adapter = tmp_path / 'adapter.safetensors'
    adapter.write_text('rows')
    assert stages.score(trained, 'score', tmp_path, adapter) == REPORT
    if changed:
        make_newer(
            {'adapter': adapter, 'checkpoint': trained.checkpoint}[changed]
        )
    assert stages.score(trained, 'score', tmp_path, adapter) == REPORT
    kinds = [kind for kind, _ in FakeRunner.ran]
    assert kinds == ['train', 'test', *(['test'] if changed else [])]


def test_forget_repeats_everything(stages, tmp_path):
    trained = stages.train(BASE, 'base', tmp_path)
    stages.score(trained, 'score', tmp_path)
    stages.forget(tmp_path)
    stages.score(stages.train(BASE, 'base', tmp_path), 'score', tmp_path)
    kinds = [kind for kind, _ in FakeRunner.ran]
    assert kinds == ['train', 'test'] * 2


def test_bar_instead_of_log(stages, tmp_path):
    stages.train(BASE, 'train the base', tmp_path)
    ((_, cfg),) = FakeRunner.ran
    assert cfg.log_level == 'ERROR'
    bar = {'type': 'ProgressBarHook', 'title': 'train the base'}
    assert cfg.custom_hooks[-1] == bar

"""Stages of the demo: train or score once, reuse what is finished."""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmseg_missing.apis.model import configure, load_config, load_weights
from mmseg_missing.engine import locked
from mmseg_missing.engine.checkpoints import read_checkpoint
from mmseg_missing.evaluation import Report

CONFIGS = Path(__file__).parents[1] / 'configs' / 'cmnext'


@dataclass(frozen=True)
class Trained:
    """A finished training: its config, last checkpoint and seconds."""

    config: Path
    checkpoint: Path
    seconds: float


def train(
    name: str, title: str, folder: Path, base: Path | None = None
) -> Trained:
    """Train ``configs/cmnext/<name>.py``, unless that was done before.

    Args:
        name: Of the config.
        title: Before the progress bar.
        folder: Of all stages.
        base: Checkpoint of the base, for adaptation.
    """
    options = {'base': str(base)} if base else {}
    cfg = _quiet(CONFIGS / f'{name}.py', folder / name, title, options)
    checkpoint = folder / name / f'epoch_{cfg.train_cfg.max_epochs}.pth'
    stamp = folder / name / 'train.json'
    done = _finished(cfg, stamp, [base]) if checkpoint.is_file() else None
    if done is None:
        start = time.time()
        with locked(folder / name):
            Runner.from_cfg(cfg).train()
        done = {'seconds': round(time.time() - start, 1)}
        _finish(cfg, stamp, done)
    else:
        print(f'{title}: finished before, reused')
    return Trained(CONFIGS / f'{name}.py', checkpoint, done['seconds'])


def score(
    trained: Trained, title: str, folder: Path, adapter: Path | None = None
) -> Report:
    """Score every combination on the test scenes, unless done before."""
    folder = folder / trained.config.stem / 'test'
    cfg = _quiet(trained.config, folder, title, {})
    checkpoint = read_checkpoint(trained.checkpoint)
    configure(cfg, checkpoint, adapter)
    stamp = folder / 'score.json'
    done = _finished(cfg, stamp, [trained.checkpoint, adapter])
    if done is None:
        runner = Runner.from_cfg(cfg)
        load_weights(runner.model, checkpoint, trained.checkpoint, adapter)
        runner.test()
        (metric,) = runner.test_evaluator.metrics
        done = {'report': metric.report.to_json()}
        _finish(cfg, stamp, done)
    return Report.from_json(done['report'])


def forget(folder: Path) -> None:
    """Let every stage run again."""
    for name in ('train.json', 'score.json'):
        for stamp in folder.rglob(name):
            stamp.unlink()


def _quiet(path: Path, folder: Path, title: str, options: dict) -> Config:
    """Return a config that shows a progress bar instead of a log."""
    warnings.filterwarnings('ignore')
    cfg = load_config(path, options)
    cfg.work_dir, cfg.experiment_name = str(folder), folder.name
    cfg.log_level = 'ERROR'
    bar = {'type': 'ProgressBarHook', 'title': title}
    cfg.custom_hooks = [*cfg.get('custom_hooks', ()), bar]
    return cfg


def _finished(
    cfg: Config, stamp: Path, inputs: Sequence[Path | None]
) -> dict | None:
    """Return what a finished stage left, None if it has to run."""
    if not stamp.is_file():
        return None
    made = stamp.stat().st_mtime
    done = json.loads(stamp.read_text())
    is_new = all(p.stat().st_mtime <= made for p in inputs if p)
    return done if done.pop('config') == _key(cfg) and is_new else None


def _finish(cfg: Config, stamp: Path, done: dict) -> None:
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(json.dumps({'config': _key(cfg), **done}, indent=2))


def _key(cfg: Config) -> str:
    return hashlib.sha256(cfg.pretty_text.encode()).hexdigest()

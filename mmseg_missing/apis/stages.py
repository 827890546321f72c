"""Stages of a longer work: train or score, and keep what is finished.

A stage leaves a stamp in its folder: its config, what went into it (by its
content) and what came out. The same stage is not done again, one that was
stopped goes on, and a training is never replaced by another in silence.
"""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..engine import find_checkpoint
from ..engine.atomic import write_atomically
from ..engine.resume import POINTER
from ..evaluation import Report
from ..startup.showing import Show, record_losses
from ..startup.start import NETWORK_FILE
from .score import score
from .train import train

STAMP = 'stage.json'
# Sections of a config that a test does not need.
TRAINING = (
    *('train_cfg', 'train_dataloader', 'optim_wrapper', 'param_scheduler'),
    *('val_cfg', 'val_dataloader', 'val_evaluator', 'base', 'load_from'),
)
# Keys of a config that say where and how loudly, not what.
VOLATILE = ('work_dir', 'log_level', 'experiment_name', 'launcher', 'resume')


@dataclass(frozen=True)
class Trained:
    """A finished training: its last checkpoint, the seconds it took."""

    checkpoint: Path
    seconds: float
    is_reused: bool = False


def train_stage(
    cfg: Config,
    folder: str | Path,
    title: str,
    inputs: Sequence[str | Path | None] = (),
    quiet: bool = True,
    show: Show | None = None,
) -> Trained:
    """Train a config to the end, or go on where it was stopped.

    Args:
        cfg: What is trained; it is kept as it is.
        folder: Folder of this training alone.
        title: Before the progress bar.
        inputs: Files that it depends on, such as the base.
        quiet: A bar instead of a log.
        show: What to show meanwhile; it does not make another stage.

    Raises:
        ValueError: the folder holds another training.
    """
    folder = Path(folder)
    stamp = Stamp(folder, cfg, inputs)
    last, done = find_checkpoint(folder), stamp.result()
    if last is not None and done is None:
        raise ValueError(
            f'{str(folder)!r} holds another training{stamp.difference()}; '
            'give another --work-dir, or --fresh to replace it'
        )
    if last is None or done is None:
        done = {'seconds': 0.0, 'is_finished': False}
    if done['is_finished']:
        print(f'{title}: finished before, reused')
        return Trained(last, done['seconds'], True)
    cfg = _prepared(cfg, folder, title, quiet)
    if show is not None:
        show.apply(cfg)
    record_losses(cfg)
    cfg.resume, start = True, time.time()
    try:
        stamp.write({**done, 'is_finished': False})
        with _warnings_of(quiet):
            train(cfg)
        done['is_finished'] = True
    finally:
        done['seconds'] = round(done['seconds'] + time.time() - start, 1)
        stamp.write(done)
    return Trained(find_checkpoint(folder), done['seconds'])


def score_stage(
    cfg: Config,
    checkpoint: str | Path,
    folder: str | Path,
    title: str,
    adapter: str | Path | None = None,
    quiet: bool = True,
    base: str | Path | None = None,
) -> Report:
    """Score a network on the test split, unless that was done before.

    Args:
        cfg: Config of the network; it is kept as it is.
        checkpoint: File of its weights.
        folder: For report.json, .csv and .png.
        title: Before the progress bar.
        adapter: Adapter file.
        quiet: A bar instead of a log.
        base: Folder in which the same network was scored without adapters.
    """
    folder, cfg = Path(folder), deepcopy(cfg)
    for key in TRAINING:
        cfg[key] = None
    stamp = Stamp(folder, cfg, (checkpoint, adapter))
    done = stamp.result()
    if done is not None:
        print(f'{title}: finished before, reused')
        return Report.from_json(done['report'])
    cfg = _prepared(cfg, folder, title, quiet)
    with _warnings_of(quiet):
        report = score(cfg, checkpoint, adapter, out=folder, base=base)
    stamp.write({'report': report.to_json()})
    return report


def forget(folder: str | Path) -> None:
    """Let every stage in and below a folder run again."""
    for stamp in Path(folder).rglob(STAMP):
        for path in stamp.parent.glob('*.pth'):
            path.unlink()
        for name in (POINTER, NETWORK_FILE, STAMP):
            (stamp.parent / name).unlink(missing_ok=True)


class Stamp:
    """What a stage is of, kept in a file beside what came out.

    Args:
        folder: Folder of the stage alone.
        cfg: All that is configured.
        inputs: Files, told apart by their content; addresses by themselves.
    """

    def __init__(
        self,
        folder: Path,
        cfg: Config | Mapping[str, Any],
        inputs: Sequence[str | Path | None] = (),
    ) -> None:
        settings = cfg.to_dict() if isinstance(cfg, Config) else dict(cfg)
        for key in VOLATILE:
            settings.pop(key, None)
        self.path = folder / STAMP
        # As it will be read again.
        text = json.dumps(settings, default=str)
        self.of = {
            'config': json.loads(text),
            'inputs': [_digest(file) for file in inputs if file is not None],
        }

    def result(self) -> dict[str, Any] | None:
        """Return what this stage left; None: nothing, or of another one."""
        then = self._read()
        return then['result'] if then.get('of') == self.of else None

    def difference(self) -> str:
        """Say in brackets what the stage in the file has else."""
        then = self._read().get('of')
        if not then:
            return ''
        key = _first_difference(then['config'], self.of['config'])
        return f' (`{key}` differs)' if key else ' (of other files)'

    def write(self, result: Mapping[str, Any]) -> None:
        """Keep what came out."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({'of': self.of, 'result': result}, indent=1)
        write_atomically(self.path, text + '\n')

    def _read(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.path.read_text(encoding='utf-8')))
        except (OSError, ValueError, TypeError):
            return {}


def _digest(file: str | Path) -> str:
    if '://' in str(file):
        return str(file)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def _first_difference(then: Any, now: Any, place: str = '') -> str:
    """Return the dotted key of the first value that differs; '': none."""
    if then == now:
        return ''
    if isinstance(then, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*then, *now]):
            if key not in then or key not in now or then[key] != now[key]:
                inner = f'{place}.{key}' if place else key
                return _first_difference(then.get(key), now.get(key), inner)
    return place


def _prepared(cfg: Config, folder: Path, title: str, quiet: bool) -> Config:
    """Return a config with a folder and names of its own."""
    cfg = deepcopy(cfg)
    cfg.work_dir, cfg.launcher = str(folder), cfg.get('launcher', 'none')
    # MMEngine keeps loggers and visualizers by name.
    name = f'{folder.name}-{time.time_ns()}'
    cfg.experiment_name = name
    if cfg.get('visualizer'):
        cfg.visualizer.name = name
    if quiet:
        cfg.log_level = 'ERROR'
        bar = {'type': 'ProgressBarHook', 'title': title}
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or ()), bar]
    return cfg


@contextmanager
def _warnings_of(quiet: bool) -> Iterator[None]:
    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter('ignore')
        yield

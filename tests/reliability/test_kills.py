"""Trainings that die at any moment, and go on as if nothing had been."""

import builtins
import io
import os
import random
import runpy
import signal
import time
from pathlib import Path

import pytest
import torch

from mmseg_missing.adapters import read_adapter

CONFIGS = Path(__file__).parents[1] / 'configs'
EPOCHS, KILLS, INTERRUPTS, SEED = 3, 50, 10, 0


@pytest.fixture(scope='module')
def start(start_training, tmp_path_factory):
    """Return a function that starts adaptation in a folder of this name."""
    folder = tmp_path_factory.mktemp('kills')
    options = ('train_dataloader.dataset.num_scenes=6',)
    base = start_training(
        folder, 'work_dirs/tiny', CONFIGS / 'tiny.py', options
    )
    assert base.wait() == 0, base.log.read_text()[-2000:]
    options += (f'train_cfg.max_epochs={EPOCHS}',)

    def start(name, **settings):
        config = CONFIGS / 'tiny-ssf.py'
        return start_training(folder, name, config, options, **settings)

    return start


@pytest.fixture(scope='module')
def whole(start):
    """What a run without a stop leaves, and how long it took."""
    began = time.time()
    training = start('whole')
    assert training.wait() == 0, training.log.read_text()[-2000:]
    return result(training.work), time.time() - began


def result(work):
    """Return all that a finished training is asked for."""
    saved = torch.load(work / f'epoch_{EPOCHS}.pth', weights_only=False)
    metadata, rows = read_adapter(work / 'adapter.safetensors')
    return {
        'weights': saved['state_dict'],
        'optimizer': saved['optimizer']['state'],
        'random': saved['random_states'],
        'rows': rows,
        'seen': metadata['samples_seen'],
        'files': sorted(p.name for p in work.glob('*.*') if p.is_file()),
    }


def is_same(one, two):
    """Say whether two results have the same bits."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(
            is_same(one[key], two[key]) for key in one
        )
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(is_same, one, two))
    return one == two


def judge(training, expected):
    """Let a training end; say how, and what was wrong."""
    code = training.wait()
    if code is None:
        return 'hang', training.work.name
    if code:
        text = training.log.read_text()
        kind = 'traceback' if 'Traceback' in text else 'silent'
        return kind, f'{training.work.name}: {text[-500:]}'
    found = result(training.work)
    wrong = [k for k in expected if not is_same(found[k], expected[k])]
    return 'silent' if wrong else 'right', f'{training.work.name}: {wrong}'


@pytest.mark.slow
def test_random_kills(start, whole, outcomes):
    """SIGKILL at a random moment, once or twice, then to the end."""
    expected, seconds = whole
    generator = random.Random(SEED)
    for number in range(KILLS):
        for _ in range(generator.choice((1, 1, 2))):
            training = start(f'kill{number}')
            time.sleep(generator.uniform(0, seconds))
            training.kill()
            training.wait()
        outcomes.add(*judge(start(f'kill{number}'), expected))
    assert not outcomes.faults
    assert outcomes.counts.total() == KILLS


@pytest.mark.slow
def test_interrupts(start, whole, outcomes):
    """Ctrl-C: one line, no lock left, and it goes on to the same end."""
    expected, seconds = whole
    generator = random.Random(SEED)
    for number in range(INTERRUPTS):
        name = f'interrupt{number}'
        training = start(name)
        time.sleep(generator.uniform(0.3, 0.9) * seconds)
        training.kill(signal.SIGINT)
        assert training.wait() in (0, 2), training.log.read_text()[-2000:]
        assert not (training.work / 'train.lock').exists()
        outcomes.add(*judge(start(name), expected))
    assert not outcomes.faults


class CrashPoints:
    """Every step of every write into the work folder itself, counted.

    Args:
        at: Die at this one; None: write their names to ``points``.
    """

    def __init__(self, at=None):
        self.at, self.names = at, []

    def __call__(self, work):
        self.work = work.resolve()
        real = builtins.open

        def opening(path, mode='r', *args, **kwargs):
            if set(mode) & set('wax+') and self.is_ours(path):
                file = real(path, mode, *args, **kwargs)
                self.pass_by('open', path)
                return Halved(file, self, path)
            return real(path, mode, *args, **kwargs)

        builtins.open = io.open = opening
        for name in ('replace', 'remove', 'unlink', 'rename'):
            self.watch(name)
        if self.at is None:
            run = runpy.run_path

            def run_and_tell(*args, **kwargs):
                run(*args, **kwargs)
                names = '\n'.join(self.names)
                real(f'{work}.points', 'w').write(names)

            runpy.run_path = run_and_tell

    def watch(self, name):
        """Die before or after a change of names."""
        change = getattr(os, name)

        def changing(path, *args, **kwargs):
            is_ours = self.is_ours(path)
            if is_ours:
                self.pass_by(f'before {name}', path)
            change(path, *args, **kwargs)
            if is_ours:
                self.pass_by(f'after {name}', path)

        setattr(os, name, changing)

    def is_ours(self, path):
        return (
            isinstance(path, (str, os.PathLike))
            and Path(path).absolute().parent == self.work
        )

    def pass_by(self, what, path):
        self.names.append(f'{what} {Path(path).name}')
        if len(self.names) - 1 == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class Halved:
    """A file whose writing can die half way."""

    def __init__(self, file, points, path):
        self.file, self.points, self.path = file, points, path

    def write(self, data):
        half = len(data) // 2
        self.file.write(data[:half])
        self.file.flush()
        self.points.pass_by('half of', self.path)
        return half + self.file.write(data[half:])

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        self.file.__enter__()
        return self

    def __exit__(self, *args):
        return self.file.__exit__(*args)


@pytest.mark.slow
def test_crash_points(start, whole, outcomes):
    """Dead at each step of each write: what is there is good."""
    expected, _ = whole
    counting = start('counting', before=CrashPoints())
    assert judge(counting, expected)[0] == 'right'
    names = counting.work.with_suffix('.points').read_text().splitlines()
    kinds = {name.rpartition(' ')[-1] for name in names}
    assert {f'{n}.part' for n in ('last_checkpoint', 'epoch_1.pth')} < kinds
    for at, name in enumerate(names):
        training = start(f'point{at}', before=CrashPoints(at))
        assert training.wait() == -signal.SIGKILL, name
        outcome, what = judge(start(f'point{at}'), expected)
        outcomes.add(outcome, f'{name}, {what}')
    assert not outcomes.faults
    assert outcomes.counts.total() >= 30

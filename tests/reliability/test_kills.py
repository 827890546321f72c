"""Trainings that die at any moment, and go on as if nothing had been.

Each one is ``tools/train.py`` in a forked process, so that a run takes a
second; the parent builds nothing itself.
"""

import builtins
import io
import os
import random
import runpy
import signal
import sys
import time
import traceback
from pathlib import Path

import pytest
import torch

import mmseg_missing  # noqa: F401 (what children would import, once)
from mmseg_missing.adapters import read_adapter

ROOT = Path(__file__).parents[2]
TRAIN = ROOT / 'tools' / 'train.py'
BASE_CONFIG = ROOT / 'tests' / 'configs' / 'tiny.py'
CONFIG = ROOT / 'tests' / 'configs' / 'tiny-ssf.py'
EPOCHS, KILLS, INTERRUPTS, SEED = 3, 50, 10, 0
PATIENCE_S = 120


class Training:
    """One training in a process of its own.

    Args:
        folder: Where it runs; ``work`` in it is its work folder.
        name: Of the work folder.
        crash: Called in the process before it begins.
    """

    def __init__(self, folder, name, crash=None, config=CONFIG, epochs=EPOCHS):
        self.work = folder / name
        arguments = [config, '--work-dir', name, '--resume']
        arguments += ['--cfg-options', f'train_cfg.max_epochs={epochs}']
        arguments += ['train_dataloader.dataset.num_scenes=6']
        self.log = folder / f'{name}.log'
        self.log.parent.mkdir(exist_ok=True)
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                code = self._run(folder, [TRAIN, *arguments], crash)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)

    def _run(self, folder, arguments, crash):
        """Be the tool."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(folder)
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.stdout, sys.stderr = open(1, 'w'), open(2, 'w')
        sys.argv = list(map(str, arguments))
        # MMEngine formats a config four times, longer than a tiny run.
        for place in ('yapf.yapflib.yapf_api', 'mmengine.config.config'):
            sys.modules[place].FormatCode = lambda text, **style: (text, True)
        if crash:
            crash(self.work)
        try:
            runpy.run_path(str(TRAIN), run_name='__main__')
        except SystemExit as end:
            return end.code
        return 0

    def kill(self, number=signal.SIGKILL):
        """End it, unless it has ended."""
        os.kill(self.pid, number)

    def wait(self):
        """Return its exit code, negative for a signal; None: it hangs."""
        end = time.time() + PATIENCE_S
        while time.time() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        self.kill()
        os.waitpid(self.pid, 0)
        return None


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Where all run, with the base they stand on."""
    import mmengine.config.config  # noqa: F401
    import yapf.yapflib.yapf_api  # noqa: F401
    from mmengine.runner import Runner  # noqa: F401

    folder = tmp_path_factory.mktemp('kills')
    names = (folder, 'work_dirs/tiny')
    assert Training(*names, config=BASE_CONFIG, epochs=1).wait() == 0
    return folder


@pytest.fixture(scope='module')
def whole(folder):
    """What a run without a stop leaves, and how long it took."""
    start = time.time()
    training = Training(folder, 'whole')
    assert training.wait() == 0, training.log.read_text()[-2000:]
    return result(training.work), time.time() - start


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
def test_random_kills(folder, whole, outcomes):
    """SIGKILL at a random moment, once or twice, then to the end."""
    expected, seconds = whole
    generator = random.Random(SEED)
    for number in range(KILLS):
        for _ in range(generator.choice((1, 1, 2))):
            training = Training(folder, f'kill{number}')
            time.sleep(generator.uniform(0, seconds))
            training.kill()
            training.wait()
        outcomes.add(*judge(Training(folder, f'kill{number}'), expected))
    assert not outcomes.faults
    assert outcomes.counts.total() == KILLS


@pytest.mark.slow
def test_interrupts(folder, whole, outcomes):
    """Ctrl-C: one line, no lock left, and it goes on to the same end."""
    expected, seconds = whole
    generator = random.Random(SEED)
    for number in range(INTERRUPTS):
        name = f'interrupt{number}'
        training = Training(folder, name)
        time.sleep(generator.uniform(0.3, 0.9) * seconds)
        training.kill(signal.SIGINT)
        assert training.wait() in (0, 2), training.log.read_text()[-2000:]
        assert not (training.work / 'train.lock').exists()
        outcomes.add(*judge(Training(folder, name), expected))
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
def test_crash_points(folder, whole, outcomes):
    """Dead at each step of each write: what is there is good."""
    expected, _ = whole
    counting = Training(folder, 'counting', CrashPoints())
    assert judge(counting, expected)[0] == 'right'
    names = (folder / 'counting.points').read_text().splitlines()
    kinds = {name.rpartition(' ')[-1] for name in names}
    assert {'last_checkpoint', 'epoch_1.pth.part', 'train.lock'} <= kinds
    for at, name in enumerate(names):
        training = Training(folder, f'point{at}', CrashPoints(at))
        assert training.wait() == -signal.SIGKILL, name
        outcome, what = judge(Training(folder, f'point{at}'), expected)
        outcomes.add(outcome, f'{name}, {what}')
    assert not outcomes.faults
    assert outcomes.counts.total() >= 30

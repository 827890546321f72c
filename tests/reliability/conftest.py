"""Counting what bad input leads to, and trainings that can be killed."""

import os
import runpy
import signal
import sys
import time
import traceback
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

# What may come of bad input. `right`: it was read as it was meant.
# `sentence`: an error that says what to do. The others are faults.
GOOD = ('right', 'sentence')
BAD = ('traceback', 'silent', 'hang')


class Outcomes:
    """What came of each try; prints itself as a row of a table."""

    def __init__(self, title):
        self.title = title
        self.counts = Counter()
        self.faults = []

    def add(self, outcome, what):
        """Count one try; ``what`` names it if it is a fault."""
        assert outcome in GOOD + BAD, outcome
        self.counts[outcome] += 1
        if outcome in BAD:
            self.faults.append(f'{outcome}: {what}')

    def __str__(self):
        kinds = ', '.join(f'{self.counts[k]} {k}' for k in GOOD + BAD)
        return f'{self.title}: {self.counts.total()} tried, {kinds}'


@pytest.fixture
def outcomes(request):
    """An empty count; its row is printed at the end (`pytest -s`)."""
    counted = Outcomes(request.node.name.removeprefix('test_'))
    yield counted
    print(f'\n{counted}')


TRAIN = Path(__file__).parents[2] / 'tools' / 'train.py'
PATIENCE_S = 120


class Training:
    """``tools/train.py --resume`` in a forked process.

    A process that begins at once lets a tiny run take a second; the parent
    builds nothing itself.

    Args:
        folder: Where it runs; it logs there.
        name: Of the work folder in it.
        config: Config file.
        options: Pairs for ``--cfg-options``.
        launcher: Of several processes, with ``environment`` that says which.
        environment: Added to the process's own.
        before: Called with the work folder, in the process.
    """

    def __init__(
        self,
        folder,
        name,
        config,
        options,
        launcher='none',
        environment=None,
        before=None,
    ):
        environment = environment or {}
        self.work = folder / name
        self.log = folder / f'{name}{environment.get("RANK", "")}.log'
        self.log.parent.mkdir(exist_ok=True)
        arguments = [TRAIN, config, '--work-dir', name, '--resume']
        arguments += ['--launcher', launcher, '--cfg-options', *options]
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                os.chdir(folder)
                os.environ.update(environment)
                code = self._run(list(map(str, arguments)), before)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)

    def _run(self, arguments, before):
        """Be the tool."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        sys.stdout = sys.stderr = os.fdopen(os.open(self.log, flags), 'w')
        os.dup2(sys.stdout.fileno(), 1)
        os.dup2(sys.stdout.fileno(), 2)
        sys.argv = arguments
        # MMEngine formats a config four times, longer than a tiny run.
        for place in FORMATTERS:
            sys.modules[place].FormatCode = lambda text, **style: (text, True)
        if before:
            before(self.work)
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


FORMATTERS = ('yapf.yapflib.yapf_api', 'mmengine.config.config')


@pytest.fixture(scope='session')
def start_training():
    """Return the class, once what a training imports is imported."""
    for name in (*FORMATTERS, 'mmengine.runner', 'mmseg_missing.apis.model'):
        import_module(name)
    return Training

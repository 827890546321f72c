"""Two trainings never share a work folder."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from mmseg_missing.engine import is_first_process, locked

HOST = socket.gethostname()


@pytest.fixture
def other(tmp_path):
    """A process that lives for the time of a test."""
    process = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1)
    yield process
    process.kill()
    process.wait()


def start_of(pid):
    with open(f'/proc/{pid}/stat') as file:
        return file.read().rpartition(')')[-1].split()[19]


def write(folder, **holder):
    (folder / 'train.lock').write_text(json.dumps(holder))


def test_the_second_is_refused(tmp_path):
    with locked(tmp_path):
        words = f'process {os.getpid()} on {HOST}.*--work-dir.*train.lock'
        with pytest.raises(ValueError, match=words), locked(tmp_path):
            pass
        # The refused one took nothing away.
        assert (tmp_path / 'train.lock').is_file()
    assert not (tmp_path / 'train.lock').exists()
    with locked(tmp_path):
        pass


def test_released_by_sigterm(tmp_path):
    """A cluster ends a job, which goes on elsewhere."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with locked(tmp_path):
                time.sleep(100)
        except SystemExit as end:
            code = end.code
        finally:
            os._exit(code)
    while not (tmp_path / 'train.lock').exists():
        time.sleep(0.01)
    time.sleep(0.1)
    os.kill(pid, signal.SIGTERM)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGTERM
    assert not (tmp_path / 'train.lock').exists()


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt, SystemExit])
def test_released_whatever_happens(tmp_path, error):
    with pytest.raises(error), locked(tmp_path):
        raise error
    assert not (tmp_path / 'train.lock').exists()


def test_live_process_keeps_it(tmp_path, other):
    write(tmp_path, pid=other.pid, host=HOST, start=start_of(other.pid))
    with pytest.raises(ValueError, match=str(other.pid)), locked(tmp_path):
        pass


def test_dead_process_loses_it(tmp_path, other):
    write(tmp_path, pid=other.pid, host=HOST, start=start_of(other.pid))
    other.kill()
    other.wait()
    with locked(tmp_path):
        held = json.loads((tmp_path / 'train.lock').read_text())
    assert held['pid'] == os.getpid()


def test_number_that_was_used_again(tmp_path, other):
    """As after a restart of the machine, or of a container."""
    write(tmp_path, pid=other.pid, host=HOST, start='1')
    with locked(tmp_path):
        held = json.loads((tmp_path / 'train.lock').read_text())
    assert held['pid'] == os.getpid()


@pytest.mark.parametrize('text', ['', '{}', '{"pid": 1, "ho', '[1]'])
def test_half_a_lock_is_none(tmp_path, text):
    """Its process died while it wrote."""
    (tmp_path / 'train.lock').write_text(text)
    with locked(tmp_path):
        pass


def test_other_host(tmp_path):
    write(tmp_path, pid=1, host='elsewhere', start='1')
    words = r'on elsewhere.*remove .*train\.lock'
    with pytest.raises(ValueError, match=words), locked(tmp_path):
        pass


@pytest.mark.parametrize(
    ('launcher', 'variable'), [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID')]
)
def test_first_process_holds_it(tmp_path, monkeypatch, launcher, variable):
    monkeypatch.setenv(variable, '1')
    assert is_first_process('none')
    assert not is_first_process(launcher)
    with locked(tmp_path), locked(tmp_path, is_first_process(launcher)):
        pass
    monkeypatch.setenv(variable, '0')
    assert is_first_process(launcher)


def hold(folder, wins):
    """Take the folder and keep it; write a byte if that worked."""
    try:
        with locked(folder):
            os.write(wins, b'1')
            time.sleep(100)
    finally:
        os._exit(0)


def test_of_many_at_once_one_wins(tmp_path):
    """All find the lock of a dead process and want to take it over."""
    write(tmp_path, pid=2**22 + 1, host=HOST, start='1')
    read, wins = os.pipe()
    children = []
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            hold(tmp_path, wins)
        children.append(pid)
    os.close(wins)
    losers = 0
    while losers < 7:
        os.waitpid(-1, 0)
        losers += 1
    alive = []
    for pid in children:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            alive.append(pid)
        except (ProcessLookupError, ChildProcessError):
            pass
    assert len(alive) == 1
    assert os.read(read, 100) == b'1'
    os.close(read)

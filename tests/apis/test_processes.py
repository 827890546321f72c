"""Runs of a config in processes: what is done, and what went wrong."""

import sys

import pytest

from mmseg_missing.apis.processes import (
    is_finished,
    train_and_test,
    work_folder,
)

# In place of the command: it notes what it was called with.
DOOR = """
import sys, time
from pathlib import Path
folder = Path(sys.argv[sys.argv.index('--work-dir') + 1])
folder.mkdir(exist_ok=True)
with open('calls', 'a') as file:
    print(*sys.argv[1:], file=file)
exec({bodies!r}[sys.argv[1]])
"""
TRAIN = """
print('Epoch(train)  [1][50/100]  lr: 1', flush=True)
time.sleep(1.5)
from zipfile import ZipFile
(folder / 'last_checkpoint').write_text('epoch_1.pth')
with ZipFile(folder / 'epoch_1.pth', 'w') as file:
    file.writestr('epoch_1/data.pkl', '')
(folder / 'cost.json').touch()
"""
TEST = "(folder / 'report.json').touch()"
WORDS = "print('Traceback'); sys.exit('error: no base; train it')"


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Return a function that runs a config with verbs of these bodies."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'net.py').touch()

    def start(train=TRAIN, test=TEST, **settings):
        bodies = {'train': train, 'test': test}
        (tmp_path / 'door.py').write_text(DOOR.format(bodies=bodies))
        door = (sys.executable, tmp_path / 'door.py')
        train_and_test('net.py', door=door, **settings)
        return (tmp_path / 'calls').read_text().splitlines()

    return start


def test_training_then_testing(start):
    said = []
    work = work_folder('configs/net.py', 3)
    assert not is_finished(work)
    assert start(seed=3, say=said.append) == [
        'train net.py --resume --work-dir work_dirs/net-seed3 '
        '--cfg-options randomness.seed=3',
        'test net.py work_dirs/net-seed3/epoch_1.pth '
        '--work-dir work_dirs/net-seed3/test '
        '--out work_dirs/net-seed3/test --cfg-options randomness.seed=3',
    ]
    assert is_finished(work)
    assert 'training net-seed3 [1][50/100]' in said
    assert any(line.startswith('testing net-seed3') for line in said)


def test_a_training_that_ended_is_not_repeated(start):
    assert len(start()) == 2
    calls = start()
    assert len(calls) == 3
    assert calls[2].startswith('test net.py work_dirs/net/epoch_1.pth')


def test_last_words(start):
    sentence = r"^no base; train it; see 'work_dirs/net/compare\.log'$"
    with pytest.raises(ValueError, match=sentence):
        start(train=WORDS)
    with pytest.raises(ValueError, match=r'^sys is not enough; see'):
        start(train="print('before'); raise SystemExit('sys is not enough')")


def test_words_of_an_earlier_try_do_not_count(start):
    with pytest.raises(ValueError, match='no base'):
        start(train=WORDS)
    with pytest.raises(ValueError, match=r'^now this'):
        start(train="raise SystemExit('now this')")


def test_no_checkpoint(start):
    with pytest.raises(FileNotFoundError, match='no checkpoint in'):
        start(train='')


def test_no_config():
    with pytest.raises(FileNotFoundError, match=r"no config file 'no\.py'"):
        train_and_test('no.py')

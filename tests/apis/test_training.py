"""Runs of a config in processes: what is done, and what went wrong."""

import pytest

from mmseg_missing.apis.training import (
    is_finished,
    train_and_test,
    work_folder,
)

# In place of the tools: they note what they were called with.
TOOL = """
import sys, time
from pathlib import Path
tool, folder = {tool!r}, Path(sys.argv[sys.argv.index('--work-dir') + 1])
folder.mkdir(exist_ok=True)
with open('calls', 'a') as file:
    print(tool, *sys.argv[1:], file=file)
{body}
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
    """Return a function that runs a config with tools of these bodies."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'net.py').touch()

    def start(train=TRAIN, test=TEST, **settings):
        for tool, body in {'train.py': train, 'test.py': test}.items():
            (tmp_path / tool).write_text(TOOL.format(tool=tool, body=body))
        train_and_test('net.py', tmp_path, **settings)
        return (tmp_path / 'calls').read_text().splitlines()

    return start


def test_training_then_testing(start):
    said = []
    work = work_folder('configs/net.py', 3)
    assert not is_finished(work)
    assert start(seed=3, say=said.append) == [
        'train.py net.py --resume --work-dir work_dirs/net-seed3 '
        '--cfg-options randomness.seed=3',
        'test.py net.py work_dirs/net-seed3/epoch_1.pth '
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
    assert calls[2].startswith('test.py net.py work_dirs/net/epoch_1.pth')


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


def test_no_config(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no config file 'no\.py'"):
        train_and_test('no.py', tmp_path)

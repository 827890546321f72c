"""Checkpoints are whole, and the newest whole one is found."""

import builtins
import os
import shutil

import pytest
import torch

from mmseg_missing.engine import (
    AtomicCheckpointHook,
    find_checkpoint,
    resume,
)
from mmseg_missing.engine.atomic import write_atomically


@pytest.fixture
def folder(make_runner, tmp_path):
    """A work folder with checkpoints of iterations 2, 4 and 6."""
    make_runner(interval=2).train()
    return tmp_path / 'run'


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path):
    content = bytearray(path.read_bytes())
    # One byte could lie in the padding between two tensors.
    for place in range(len(content) // 2, len(content) // 2 + 200):
        content[place] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b'')


def test_the_pointer_is_relative(folder):
    assert (folder / 'last_checkpoint').read_text() == 'iter_6.pth'
    assert find_checkpoint(folder) == folder / 'iter_6.pth'


def test_moved_folder_resumes(make_runner, folder, tmp_path):
    shutil.move(folder, tmp_path / 'moved')
    runner = make_runner(folder='moved', iters=8, resume=True)
    runner.train()
    assert runner.iter == 8


def test_pointer_of_mmengine(make_runner, tmp_path):
    """An absolute one, from before the folder was moved."""
    make_runner(saving={'type': 'CheckpointHook'}).train()
    text = (tmp_path / 'run' / 'last_checkpoint').read_text()
    assert text.startswith('/')
    shutil.copytree(tmp_path / 'run', tmp_path / 'copy')
    found = find_checkpoint(tmp_path / 'copy')
    assert found == tmp_path / 'copy' / 'iter_6.pth'


def test_checkpoints_in_a_folder_of_their_own(make_runner, tmp_path):
    saving = {'out_dir': str(tmp_path / 'elsewhere')}
    make_runner(saving=saving).train()
    path = tmp_path / 'elsewhere' / 'run' / 'iter_6.pth'
    assert find_checkpoint(tmp_path / 'run') == path
    runner = make_runner(saving=saving, iters=7, resume=True)
    runner.train()
    assert runner.iter == 7


@pytest.mark.parametrize('damage', [cut, flip, empty])
@pytest.mark.parametrize('pointer', ['as it is', 'gone', 'empty', 'nonsense'])
def test_newest_readable_is_taken(folder, monkeypatch, pointer, damage):
    said = []
    monkeypatch.setattr(
        resume, 'print_log', lambda message, **_: said.append(message)
    )
    damage(folder / 'iter_6.pth')
    text = {'gone': None, 'empty': '', 'nonsense': '\x00\x01'}
    if pointer in text:
        (folder / 'last_checkpoint').unlink()
        if text[pointer] is not None:
            (folder / 'last_checkpoint').write_text(text[pointer])
    assert find_checkpoint(folder) == folder / 'iter_4.pth'
    (line,) = said
    assert 'cannot be read' in line
    assert 'iter_6.pth' in line and 'iter_4.pth' in line


def test_numbers_are_no_words(folder):
    """Without a pointer the tenth comes after the ninth."""
    (folder / 'last_checkpoint').unlink()
    shutil.copy(folder / 'iter_2.pth', folder / 'iter_10.pth')
    shutil.copy(folder / 'iter_2.pth', folder / 'best_mIoU_iter_12.pth')
    assert find_checkpoint(folder) == folder / 'iter_10.pth'


def test_resume_takes_it(make_runner, folder):
    cut(folder / 'iter_6.pth')
    runner = make_runner(iters=6, resume=True)
    runner.load_or_resume = lambda: None  # what it loads is known by now
    runner.call_hook('before_run')
    assert runner._load_from == str(folder / 'iter_4.pth')


def test_nothing_can_be_read(make_runner, folder):
    for path in folder.glob('*.pth'):
        cut(path)
    with pytest.raises(ValueError, match=r'iter_6\.pth.*--resume'):
        make_runner(resume=True).train()


def test_nothing_there_is_a_new_run(make_runner, tmp_path):
    assert find_checkpoint(tmp_path) is None
    runner = make_runner(resume=True)
    runner.train()
    assert runner.iter == 6


def test_old_one_goes_after_the_new_one_came(make_runner, monkeypatch):
    """So that a single kept checkpoint is enough to go on."""
    runner = make_runner(interval=2, saving={'max_keep_ckpts': 1})
    there = []
    replace = os.replace

    def look(source, target):
        folder = os.path.dirname(target)
        names = [n for n in os.listdir(folder) if n.endswith('.pth')]
        there.append(names)
        replace(source, target)

    monkeypatch.setattr(os, 'replace', look)
    runner.train()
    # At the checkpoint and at the pointer, three times each.
    assert [len(names) for names in there] == [0, 1, 1, 2, 1, 2]
    assert sorted(os.listdir(runner.work_dir)).count('iter_6.pth') == 1


def test_old_one_goes_even_if_the_run_was_killed_before(
    make_runner, monkeypatch, tmp_path
):
    settings = {'interval': 2, 'saving': {'max_keep_ckpts': 1}}
    with monkeypatch.context() as patch:
        patch.setattr(AtomicCheckpointHook, '_remove', _die_at(2))
        with pytest.raises(KeyboardInterrupt):
            make_runner(**settings).train()
    names = {p.name for p in (tmp_path / 'run').glob('*.pth')}
    assert names == {'iter_2.pth', 'iter_4.pth'}
    make_runner(**settings, iters=4, resume=True).train()
    names = {p.name for p in (tmp_path / 'run').glob('*.pth')}
    assert names == {'iter_4.pth'}


def _die_at(step):
    def die(hook, steps):
        if step in steps:
            raise KeyboardInterrupt

    return die


def test_copied_folder_leaves_the_original_alone(make_runner, tmp_path):
    best = {'save_best': 'count', 'rule': 'greater'}
    make_runner(saving=best, iters=4, interval=2).train()
    (path,) = (tmp_path / 'run').glob('best_*')
    shutil.copytree(tmp_path / 'run', tmp_path / 'copy')
    # Counts begin anew: the third one beats the two before.
    settings = {'iters': 10, 'interval': 2, 'resume': True}
    make_runner(saving=best, folder='copy', **settings).train()
    assert path.is_file()
    names = [p.name for p in (tmp_path / 'copy').glob('best_*')]
    assert names == ['best_count_iter_10.pth']


@pytest.mark.parametrize('place', ['write', 'fsync', 'replace'])
def test_a_write_that_dies_leaves_the_former_file(
    tmp_path, monkeypatch, place
):
    path = tmp_path / 'file'
    write_atomically(path, 'good')

    def die(*args):
        raise KeyboardInterrupt

    if place == 'write':
        opened = builtins.open

        def open_half(name, mode='r', *args):
            file = opened(name, mode, *args)
            if mode == 'wb':
                file.write(b'b')
                die()
            return file

        monkeypatch.setattr(builtins, 'open', open_half)
    else:
        monkeypatch.setattr(os, place, die)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, 'better')
    assert path.read_text() == 'good'
    monkeypatch.undo()
    write_atomically(path, 'better')
    assert path.read_text() == 'better'


def test_checkpoints_load_as_before(folder):
    found = torch.load(folder / 'iter_6.pth', weights_only=False)
    assert found['meta']['iter'] == 6

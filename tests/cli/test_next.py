"""Every verb ends with what to run next, by the paths of this run."""

import shlex
import sys

import pytest
import torch

from mmseg_missing.cli import ending
from mmseg_missing.cli.convert import mit
from mmseg_missing.cli.ending import command, say_next
from mmseg_missing.cli.main import main

SMALL = 'cmnext_small_1xb8-12e_scenes-rgbdt-64x96'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def follow(capsys, monkeypatch):
    """Return a function that gives the words of the last command printed."""
    monkeypatch.setattr(ending.shutil, 'which', lambda name: f'/bin/{name}')

    def follow(*argv):
        main([str(word) for word in argv])
        *_, why, line = capsys.readouterr().out.splitlines()
        assert why.startswith('next, ') and why.endswith(':')
        door, *words = shlex.split(line)
        assert door == 'mmseg-missing' and line.startswith('  ')
        return words

    return follow


def test_from_a_fit_to_a_folded_network(follow, configs, files):
    """What one verb names, the next one takes."""
    tiny = configs / 'tiny.py'
    out = 'fitted.safetensors'
    words = follow('fit', tiny, files.base, out, '--batches', 1)
    assert words == ['test', str(tiny), str(files.base), '--adapter', out]
    words = follow(*words)
    assert words[0] == 'predict'
    assert words[1:5] == [str(tiny), str(files.base), '--adapter', out]
    folding = ('fold', tiny, files.base, 'rgb.pth', '--adapter', out)
    words = follow(*folding, '--combination', 'rgb')
    assert words == ['test', 'rgb.py', 'rgb.pth', '--present', 'rgb']
    assert follow(*words)[0] == 'predict'


def test_a_base_is_repaired(follow, configs, files):
    tiny = configs / 'tiny.py'
    words = follow('test', tiny, files.base, '--present', 'rgb')
    assert words == ['repair', str(tiny), str(files.base)]


def test_options_are_in_the_config_that_the_run_wrote(follow, configs, files):
    options = ('--cfg-options', 'model.fill=black')
    words = follow('test', configs / 'tiny.py', files.base, *options)
    assert words == ['repair', 'work_dirs/tiny/tiny.py', str(files.base)]


def test_an_adapter_file(follow, configs, files):
    ssf = configs / 'tiny-ssf.py'
    words = follow('export-adapter', ssf, files.joined, 'a.safetensors')
    assert words == ['inspect', 'a.safetensors']
    assert follow(*words)[-2:] == ['--adapter', 'a.safetensors']


def test_converted_weights(follow, monkeypatch):
    torch.save({'weight': torch.ones(2, 2)}, 'mit.pth')
    monkeypatch.setattr(mit, 'mit_to_cmnext', dict)
    words = follow('convert', 'mit', 'mit.pth', 'ours.pth')
    assert words[0] == 'train' and words[-1].endswith('checkpoint=ours.pth')


def test_configs_are_named_shortly(monkeypatch):
    from mmseg_missing.startup.config_files import find_config

    path = find_config(SMALL)
    assert command('train', path).endswith(f' train {SMALL}')
    other = path.with_name('nowhere.py')
    assert command('train', other).endswith(f' train {other}')


@pytest.mark.parametrize(
    ('called', 'words'),
    [
        ('/venv/bin/mmseg-missing', '/venv/bin/mmseg-missing fold'),
        ('/sources/tools/fold_adapter.py', ' -m mmseg_missing fold'),
    ],
)
def test_the_door_as_it_was_called(monkeypatch, called, words):
    monkeypatch.setattr(ending.shutil, 'which', lambda name: None)
    monkeypatch.setattr(sys, 'argv', [called])
    assert command('fold').endswith(words)


def test_one_process_says_it(monkeypatch, capsys):
    monkeypatch.setattr(ending, 'is_main_process', lambda: False)
    say_next('fold')
    assert capsys.readouterr().out == ''

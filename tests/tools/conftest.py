"""Tools in this process, and what they trained, for all tests of tools."""

import functools
import itertools
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mmseg_missing.evaluation import Report

TESTS = Path(__file__).parents[1]
TOOLS = TESTS.parent / 'tools'


@pytest.fixture(scope='session')
def configs():
    """The folder of the configs that tests use."""
    return TESTS / 'configs'


@pytest.fixture(scope='session')
def tools():
    """The folder of the tools."""
    return TOOLS


@pytest.fixture(scope='session')
def folder(tmp_path_factory):
    """Where all tools run and write."""
    return tmp_path_factory.mktemp('tools')


@pytest.fixture(scope='session')
def run(folder, forgetting):
    """Return a function that runs a tool as its command line does."""

    def run(tool, *arguments):
        with forgetting(), pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(sys, 'argv', [tool, *map(str, arguments)])
            patch.setenv('LOCAL_RANK', '0')
            # MMEngine formats a config four times, longer than a tiny run.
            for place in ('yapf.yapflib.yapf_api', 'mmengine.config.config'):
                patch.setattr(f'{place}.FormatCode', as_it_is, raising=False)
            runpy.run_path(str(TOOLS / tool), run_name='__main__')

    return run


@pytest.fixture
def convert(monkeypatch, tmp_path):
    """Return a function that converts weights as the command line does."""

    def convert(tool, content, *options):
        src, dst = tmp_path / 'src.pth', tmp_path / 'dst.pth'
        torch.save(content, src)
        monkeypatch.setattr(sys, 'argv', [tool, str(src), str(dst), *options])
        path = TOOLS / 'model_converters' / tool
        runpy.run_path(str(path), run_name='__main__')
        return torch.load(dst, weights_only=True)['state_dict']

    return convert


def as_it_is(text, **style):
    return text, True


@pytest.fixture(scope='session')
def trained(run, folder, configs):
    """A base and its adapters, from two iterations each.

    The base comes from a process of its own, as users start it. Whoever
    trains it again spoils the files of all others.
    """
    subprocess.run(
        [sys.executable, TOOLS / 'train.py', configs / 'tiny.py'],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    run('train.py', configs / 'tiny-ssf.py')
    work = folder / 'work_dirs'
    base = work / 'tiny/epoch_1.pth'
    before = base.read_bytes()
    yield SimpleNamespace(
        config=configs / 'tiny.py',
        adapted_config=configs / 'tiny-ssf.py',
        base=base,
        joined=work / 'tiny-ssf/epoch_1.pth',
        adapter=work / 'tiny-ssf/adapter.safetensors',
    )
    assert base.read_bytes() == before


@pytest.fixture(scope='session')
def score(run, folder):
    """Return a function that runs tools/test.py and gives its report."""
    numbers = itertools.count()

    @functools.cache
    def score(*arguments):
        out = folder / f'report_{next(numbers)}'
        run('test.py', *arguments, '--out', out)
        for suffix in ('csv', 'png'):
            assert (out / f'report.{suffix}').stat().st_size > 0
        return Report.from_json((out / 'report.json').read_text())

    return score


@pytest.fixture
def refused(run, capsys):
    """Return a function that expects one line on stderr, and gives it."""

    def refused(tool, *arguments):
        with pytest.raises(SystemExit) as ended:
            run(tool, *arguments)
        assert ended.value.code == 2
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith('error: ')
        return line

    return refused

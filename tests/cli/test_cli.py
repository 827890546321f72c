"""How tools end, and the arguments that they share."""

import argparse
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner import load_checkpoint
from torch import nn
from torch.utils.data import DataLoader, Dataset

from mmseg_missing.apis.processes import work_folder
from mmseg_missing.cli.arguments import (
    add_runner_arguments,
    apply_runner_arguments,
    at_least,
)
from mmseg_missing.cli.ending import run_tool, saying
from mmseg_missing.modality import Stack
from mmseg_missing.startup.sentences import (
    DEBUG,
    last_line,
    naming_section,
)

TRACEBACK = """Caught KeyError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "worker.py", line 351, in _worker_loop
    data = fetcher.fetch(index)
  File "loading.py", line 7, in transform
    raise ValueError(self._outside(path))
ValueError: label value 41 lies outside of 40 classes
"""
QUOTED = """Caught KeyError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "worker.py", line 351, in _worker_loop
    data = fetcher.fetch(index)
  File "loading.py", line 7, in transform
    raise KeyError(
        ^^^^^^^^^
KeyError: 'no `modalities`; set them'
"""
RAW = """Caught IndexError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "worker.py", line 351, in _worker_loop
    data = fetcher.fetch(index)
           ^^^^^^^^^^^^^^^^^^^^
IndexError: list index out of range
"""


def fail(error):
    def main():
        raise error

    return main


@pytest.fixture(autouse=True)
def no_debugging(monkeypatch):
    monkeypatch.delenv('MMSEG_MISSING_DEBUG', raising=False)


@pytest.mark.parametrize(
    'error',
    [
        ValueError('no such thing; check `model.fill`'),
        TypeError('no such thing; check `model.fill`'),
        KeyError('no such thing; check `model.fill`'),
        RuntimeError('no such thing; check `model.fill`'),
        ImportError('no such thing; check `model.fill`'),
        FileNotFoundError('no such thing; check `model.fill`'),
        PermissionError('no such thing; check `model.fill`'),
    ],
    ids=lambda error: type(error).__name__,
)
def test_one_line_and_exit_code_2(capsys, error):
    with pytest.raises(SystemExit) as end:
        run_tool(fail(error))
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err) == ('', 'error: no such thing; check `model.fill`\n')


def test_interrupt(capsys):
    def stopped():
        with saying(lambda: 'nothing was written'):
            raise KeyboardInterrupt

    for main in (fail(KeyboardInterrupt()), stopped):
        with pytest.raises(SystemExit) as end:
            run_tool(main)
        assert end.value.code == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == 'error: interrupted; start it again'
    assert second == 'error: interrupted; nothing was written'


def test_debugging_keeps_the_traceback(monkeypatch):
    monkeypatch.setenv('MMSEG_MISSING_DEBUG', '1')
    with pytest.raises(ValueError, match='here'):
        run_tool(fail(ValueError('here')))


def operations():
    """What Python, NumPy, OpenCV and torch say of what they cannot do."""
    return {
        'AssertionError': fail(AssertionError()),
        'AttributeError': lambda: Config().model.type,
        'IndexError': lambda: [][0],
        'KeyError: inputs': lambda: {}['inputs'],
        'KeyError: 0': fail(KeyError(0)),
        'StopIteration': lambda: next(iter(())),
        'ZeroDivisionError': lambda: 1 // 0,
        "TypeError: 'int' object is not iterable": lambda: list(3),
        'ValueError: invalid literal': lambda: int('x'),
        'ValueError: operands': lambda: np.ones(2) + np.ones(3),
        'RuntimeError: ': lambda: torch.ones(2) + torch.ones(3),
        'error: OpenCV': lambda: cv2.cvtColor(np.ones(3), 4),
        'UnpicklingError': lambda: pickle.loads(b'x'),
        'NotImplementedError': fail(NotImplementedError('not yet here')),
    }


@pytest.mark.parametrize('words', operations())
def test_no_traceback_of_what_fails(capsys, words):
    """One line that names the kind of error and where to look."""
    with pytest.raises(SystemExit) as end:
        run_tool(operations()[words])
    assert end.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f'error: {words}')
    assert line.endswith('MMSEG_MISSING_DEBUG=1 shows where')


@pytest.mark.parametrize(
    'error', [MemoryError(), torch.cuda.OutOfMemoryError('CUDA: 3 GiB')]
)
def test_too_little_memory(capsys, error):
    with pytest.raises(SystemExit):
        run_tool(fail(error))
    assert 'not enough memory; take a smaller' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('config', 'fails', 'kind', 'words'),
    [
        (
            'a.py',
            lambda: 1 // 0,
            ValueError,
            r"'a\.py', `model`: ZeroDivisionError: .*; check this section$",
        ),
        (
            None,
            lambda: MODELS.build({'type': 'X'}),
            ValueError,
            r'the config, `model`: X is not in the .*; check this section$',
        ),
        # A sentence of this package names its key.
        (
            'a.py',
            lambda: Stack([{'name': 'rgb'}]).parse('x'),
            ValueError,
            r"unknown modality 'x'",
        ),
        ('a.py', lambda: Path('nowhere').read_text(), OSError, '.*nowhere'),
        ('a.py', fail(MemoryError()), MemoryError, ''),
    ],
)
def test_errors_name_the_section_of_the_config(config, fails, kind, words):
    with (
        pytest.raises(kind, match=f'^{words}'),
        naming_section('model', config),
    ):
        fails()


def test_success_and_other_exits_pass():
    assert run_tool(lambda: None) is None
    with pytest.raises(SystemExit) as end:
        run_tool(fail(SystemExit(0)))
    assert end.value.code == 0


@pytest.mark.parametrize(
    ('error', 'line'),
    [
        (ValueError('one\n  two\n\nthree'), 'one two three'),
        (KeyError(TRACEBACK), 'label value 41 lies outside of 40 classes'),
        (RuntimeError(QUOTED), 'no `modalities`; set them'),
        (RuntimeError(RAW), f'IndexError: list index out of range; {DEBUG}'),
        (KeyError('a'), f'KeyError: a; {DEBUG}'),
        (KeyError(), f'KeyError; {DEBUG}'),
        (ValueError(''), f'ValueError; {DEBUG}'),
        (ValueError(3, 4), f'ValueError: (3, 4); {DEBUG}'),
        (
            FileNotFoundError(2, 'No such file or directory', 'a.png'),
            "[Errno 2] No such file or directory: 'a.png'",
        ),
    ],
)
def test_last_line(error, line):
    assert last_line(error) == line


class Broken(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise ValueError('a.png is truncated')


def test_error_of_a_worker(capsys):
    """The real wrapping of a DataLoader's worker."""
    with pytest.raises(SystemExit):
        run_tool(lambda: list(DataLoader(Broken(), num_workers=1)))
    assert capsys.readouterr().err == 'error: a.png is truncated\n'


@pytest.fixture
def parse():
    def _parse(*words):
        parser = argparse.ArgumentParser()
        parser.add_argument('config')
        add_runner_arguments(parser)
        return parser.parse_args(['configs/some.py', *words])

    return _parse


@pytest.fixture
def cfg():
    return Config({'env_cfg': {'dist_cfg': {'backend': 'nccl'}}})


@pytest.mark.parametrize('init_cfg', ['gone.pth', 'http://127.0.0.1:9/a.pth'])
def test_weights_that_cannot_be_had(init_cfg, tmp_path, monkeypatch):
    """MMEngine's own errors name no key."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    with pytest.raises(OSError) as error:
        load_checkpoint(nn.Linear(1, 1), init_cfg)
    line = last_line(error.value)
    assert line.startswith('weights to start from: ')
    assert line.endswith(
        'check `init_cfg` of the backbone (None: random '
        'weights) and `load_from`'
    )


@pytest.mark.parametrize('text', ['-1', '1', '2.5', '', 'two'])
def test_at_least(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"2 on, got '{text}"):
        at_least(2)(text)
    assert at_least(2)('2') == 2


def test_default_work_dir(parse, cfg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    apply_runner_arguments(cfg, parse())
    assert cfg.work_dir == 'work_dirs/some'
    assert cfg.launcher == 'none'


def test_default_work_dir_of_a_dedicated_network(
    parse, cfg, tmp_path, monkeypatch
):
    """It never is that of the config's own network."""
    monkeypatch.chdir(tmp_path)
    cfg.model = {'stack': [{'name': 'depth'}, {'name': 'nir'}]}
    args = parse()
    args.modalities = 'nir+depth'
    apply_runner_arguments(cfg, args)
    assert cfg.work_dir == 'work_dirs/some-depth-nir'
    assert work_folder('a/some.py', modalities=['depth', 'nir']) == Path(
        cfg.work_dir
    )


def test_given_work_dir(parse, cfg, tmp_path):
    cfg.work_dir = str(tmp_path / 'config')
    apply_runner_arguments(cfg, parse())
    assert cfg.work_dir == str(tmp_path / 'config')
    given = str(tmp_path / 'given')
    apply_runner_arguments(cfg, parse('--work-dir', given))
    assert cfg.work_dir == given


def test_work_dir_that_cannot_be_written(parse, cfg, tmp_path):
    (tmp_path / 'file').touch()
    words = ('--work-dir', str(tmp_path / 'file' / 'folder'))
    with pytest.raises(OSError, match='file'):
        apply_runner_arguments(cfg, parse(*words))


def test_options_are_parsed(parse):
    args = parse('--cfg-options', 'a.b=1', 'c=[2,3]', 'd=x')
    assert args.cfg_options == {'a.b': 1, 'c': [2, 3], 'd': 'x'}
    with pytest.raises(ValueError, match=r"key=value.*'a\.b'"):
        parse('--cfg-options', 'a.b', '=', '1')


def test_without_a_gpu_ranks_talk_by_gloo(parse, cfg, tmp_path, monkeypatch):
    words = ('--work-dir', str(tmp_path), '--launcher', 'pytorch')
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    apply_runner_arguments(cfg, parse(*words))
    assert cfg.env_cfg.dist_cfg.backend == 'nccl'
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    apply_runner_arguments(cfg, parse(*words))
    assert cfg.env_cfg.dist_cfg.backend == 'gloo'
    assert cfg.launcher == 'pytorch'


def test_trust_ends_with_the_tool(tmp_path):
    from mmseg_missing.cli.arguments import add_trust
    from mmseg_missing.compat import load_file

    path = tmp_path / 'a.pth'
    torch.save({'args': argparse.Namespace(lr=1)}, path)

    def tool(*words):
        parser = argparse.ArgumentParser()
        add_trust(parser)
        assert vars(parser.parse_args(words)) == {}
        load_file(path)

    run_tool(lambda: tool('--trust'))
    with pytest.raises(SystemExit):
        run_tool(tool)
    with pytest.raises(ValueError, match=r'argparse\.Namespace.*--trust'):
        load_file(path)


def test_nothing_steers_the_terminal(capsys):
    with pytest.raises(SystemExit):
        run_tool(fail(ValueError('a \x1b[31mb\u202ec\x9b')))
    assert capsys.readouterr().err == 'error: a ?[31mb?c?\n'

"""Every way a checkpoint comes in is one door, which makes data only."""

import contextlib
import io
import os
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader, checkpoint, load_checkpoint
from mmengine.runner.checkpoint import _load_checkpoint_with_prefix
from torch import nn

from mmseg_missing import compat
from mmseg_missing.engine.checkpoints import read_checkpoint, read_state
from mmseg_missing.models.converters.weight_files import read_weights

NAME = 'weights-0a1b2c3d.pth'


class Command:
    """Pickled, it is a command to the shell."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture
def mark(tmp_path):
    """What the command makes."""
    return tmp_path / 'ran'


@pytest.fixture(params=['zip', 'legacy'])
def evil(request, tmp_path, mark):
    """A checkpoint that loads as one, and runs a command meanwhile."""
    content = {
        'state_dict': nn.Linear(2, 3).state_dict(),
        'meta': Command(f'touch {mark}'),
    }
    path = tmp_path / 'served' / NAME
    path.parent.mkdir()
    is_zip = request.param == 'zip'
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    return path


@pytest.fixture
def address(evil, tmp_path, monkeypatch):
    """The address of its folder; downloads go to another one."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setenv('no_proxy', '*')
    handler = partial(Quiet, directory=evil.parent)
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        # It asks so often whether it should stop.
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def init_cfg(path):
    pretrained = {'type': 'Pretrained', 'checkpoint': path}
    module = BaseModule(pretrained)
    module.linear = nn.Linear(2, 3)
    module.init_weights()


LOCAL = {
    'load_file': compat.load_file,
    'loader': CheckpointLoader.load_checkpoint,
    'load_checkpoint': lambda path: load_checkpoint(nn.Linear(2, 3), path),
    'prefix': lambda path: _load_checkpoint_with_prefix('weight', path),
    'init_cfg': init_cfg,
    'read_checkpoint': read_checkpoint,
    'read_state': read_state,
    'read_weights': read_weights,
}


@pytest.mark.parametrize('door', LOCAL)
def test_files_run_nothing(door, evil, mark):
    words = rf'{NAME}.* holds (posix|nt)\.system.*--trust .`trust=True`'
    with pytest.raises(ValueError, match=words):
        LOCAL[door](str(evil))
    assert not mark.exists()


def test_open_files_run_nothing(evil, mark):
    with evil.open('rb') as file, pytest.raises(ValueError, match='--trust'):
        compat.load_file(file)
    with pytest.raises(ValueError, match=r'the checkpoint.*--trust'):
        compat.load_file(io.BytesIO(evil.read_bytes()))
    assert not mark.exists()


ZOOS = {
    'http': lambda patch, url: url,
    'torchvision': lambda patch, url: zoo(
        patch, 'get_torchvision_models', url, 'torchvision://x'
    ),
    'open-mmlab': lambda patch, url: zoo(
        patch, 'get_external_models', url, 'open-mmlab://x'
    ),
    'mmcls': lambda patch, url: zoo(
        patch, 'get_mmcls_models', url, 'mmcls://x'
    ),
}


def zoo(patch, names, url, name):
    patch.setattr(checkpoint, names, lambda: {'x': url})
    return name


@pytest.mark.parametrize('kind', ZOOS)
def test_downloads_run_nothing(kind, evil, address, mark, monkeypatch):
    path = ZOOS[kind](monkeypatch, f'{address}/{NAME}')
    for door in (CheckpointLoader.load_checkpoint, init_cfg):
        with pytest.raises(ValueError, match=f'{NAME}.*--trust'):
            door(path)
    assert not mark.exists()


def test_a_zoo_of_files_runs_nothing(evil, mark, monkeypatch):
    path = zoo(monkeypatch, 'get_external_models', str(evil), 'openmmlab://x')
    with pytest.raises(ValueError, match=f'{NAME}.*--trust'):
        CheckpointLoader.load_checkpoint(path)
    assert not mark.exists()


def test_a_download_loads(address, evil, tmp_path):
    torch.save(nn.Linear(2, 3).state_dict(), evil)
    found = CheckpointLoader.load_checkpoint(f'{address}/{NAME}')
    assert found['weight'].shape == (3, 2)
    evil.unlink()  # the second time it is there
    CheckpointLoader.load_checkpoint(f'{address}/{NAME}')
    assert (tmp_path / 'hub' / 'checkpoints' / NAME).is_file()


@pytest.mark.parametrize('door', ['loader', 'read_checkpoint', 'read_weights'])
def test_trust_lets_it_run(door, evil, mark):
    with compat.trusting():
        LOCAL[door](str(evil))
    assert mark.exists()
    mark.unlink()
    with pytest.raises(ValueError, match='--trust'):
        LOCAL[door](str(evil))
    assert not mark.exists()


def test_trust_of_one_file(evil, mark):
    with contextlib.suppress(ValueError):
        read_checkpoint(evil, trust=True)
    assert mark.exists()
    with compat.trusting(), compat.trusting(False):
        read_checkpoint(evil)  # takes nothing away


def test_program_of_torchscript(tmp_path):
    path = tmp_path / 'program.pth'
    torch.jit.save(torch.jit.script(nn.Linear(1, 1)), path)
    with pytest.raises(ValueError, match=r'a TorchScript program.*--trust'):
        compat.load_file(path)


def test_tar_of_old_torch(tmp_path):
    path = tmp_path / 'old.pth'
    with tarfile.open(path, 'w') as tar:
        for name in ('storages', 'tensors', 'pickle'):
            info = tarfile.TarInfo(name)
            tar.addfile(info, io.BytesIO())
    with pytest.raises(ValueError, match=r'a tar archive.*--trust'):
        compat.load_file(path)


def test_config_in_a_checkpoint_is_not_run(tmp_path):
    """A Runner that resumes would run the text below `meta.config`."""
    path = tmp_path / 'a.pth'
    torch.save({'meta': {'config': 'a = 1', 'epoch': 2}}, path)
    assert compat.load_file(path) == {'meta': {'epoch': 2}}


def test_checkpoint_with_history_loads(tmp_path):
    """The Runner's checkpoints hold more than tensors."""
    path = tmp_path / 'iter_1.pth'
    loss = HistoryBuffer()
    loss.update(0.5)
    torch.save({'state_dict': {}, 'message_hub': {'loss': loss}}, path)
    loaded = CheckpointLoader.load_checkpoint(str(path), 'cpu')
    assert loaded['message_hub']['loss'].current() == 0.5


@pytest.mark.parametrize('share', [0, 0.3, 0.9])
@pytest.mark.parametrize('is_zip', [True, False])
def test_damaged(tmp_path, share, is_zip):
    path = tmp_path / 'a.pth'
    state = nn.Linear(9, 9).state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=is_zip)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=r"a\.pth' is damaged or no"):
        CheckpointLoader.load_checkpoint(str(path))


@pytest.mark.parametrize(
    'content',
    [3, [1], {'state_dict': 3}, {'weight': 3}, {3: torch.ones(1)}],
)
def test_no_weights(tmp_path, content):
    torch.save(content, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r"a\.pth' holds no weights"):
        read_checkpoint(tmp_path / 'a.pth')


def test_strange_meta(tmp_path):
    torch.save({'state_dict': {}, 'meta': [3]}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r"a\.pth' is damaged: its meta"):
        read_checkpoint(tmp_path / 'a.pth')

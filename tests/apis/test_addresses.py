"""Checkpoints and adapter files by their address."""

import functools
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from mmengine.fileio import LocalBackend, register_backend
from mmengine.runner import load_checkpoint

from mmseg_missing.apis import Inferencer, init_model
from mmseg_missing.compat import load_url
from mmseg_missing.engine.checkpoints import read_checkpoint, read_state


class _Handler(SimpleHTTPRequestHandler):
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *args):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Return a folder and its address; downloads go to another folder."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'home'))
    monkeypatch.setattr(_Handler, 'asked', [])
    folder = tmp_path / 'served'
    folder.mkdir()
    handler = functools.partial(_Handler, directory=str(folder))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()


class _Disk(LocalBackend):
    folder = None

    def get(self, path):
        return super().get(self.folder / path.removeprefix('disk://'))

    def isfile(self, path):
        return super().isfile(self.folder / path.removeprefix('disk://'))


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """Return the prefix of a backend that a user registered."""
    # MMEngine keeps the instance of a backend for later tests.
    monkeypatch.setattr(_Disk, 'folder', tmp_path)
    register_backend('disk', _Disk, force=True, prefixes='disk')
    return 'disk:/'


def test_base_and_adapter_from_the_web(load, files, served):
    folder, address = served
    shutil.copy(files.base, folder / 'epoch_1.pth')
    shutil.copy(files.adapter, folder / 'adapter.safetensors')
    places = f'{address}/epoch_1.pth', f'{address}/adapter.safetensors'
    model = init_model(load(), *places)
    ours = init_model(load(), files.base, files.adapter)
    for key, value in ours.state_dict().items():
        torch.testing.assert_close(model.state_dict()[key], value)
    assert sorted(_Handler.asked) == ['/adapter.safetensors', '/epoch_1.pth']
    Inferencer(load(), *places)
    # The checkpoint is kept, the adapter file fetched anew.
    assert _Handler.asked[2:] == ['/adapter.safetensors']


def test_same_names_of_two_addresses_are_two_files(served):
    folder, address = served
    for number in (1, 2):
        (folder / f'run{number}').mkdir()
        state = {'x': torch.full((1,), float(number))}
        torch.save(state, folder / f'run{number}/epoch_9.pth')
    found = [
        read_state(f'{address}/run{number}/epoch_9.pth')['x'].item()
        for number in (1, 2)
    ]
    assert found == [1, 2]


def test_names_of_model_zoos_are_where_torch_keeps_them(served, tmp_path):
    folder, address = served
    torch.save({'x': torch.ones(1)}, folder / 'net_7-0123abcd.pth')
    load_url(f'{address}/net_7-0123abcd.pth', progress=False)
    assert (tmp_path / 'home/hub/checkpoints/net_7-0123abcd.pth').is_file()


def test_an_error_page_is_not_kept(served):
    folder, address = served
    (folder / 'base.pth').write_text('<html>come back later</html>')
    with pytest.raises(
        ValueError, match=r'base\.pth.* is damaged or no check'
    ):
        read_checkpoint(f'{address}/base.pth')
    torch.save({'x': torch.ones(1)}, folder / 'base.pth')
    assert read_state(f'{address}/base.pth')['x'] == 1


def test_one_door_for_pickles(served, disk, tmp_path):
    folder, address = served
    torch.save({'x': torch.nn.Linear(1, 1)}, folder / 'evil.pth')
    places = f'{address}/evil.pth', f'{disk}/served/evil.pth'
    for place in places:
        with pytest.raises(ValueError, match=r'evil\.pth.*--trust'):
            read_checkpoint(place)
    with pytest.raises(ValueError, match=r'--trust'):
        load_checkpoint(torch.nn.Linear(1, 1), places[0])


def test_backend_of_a_user(load, files, disk, tmp_path):
    shutil.copy(files.base, tmp_path / 'base.pth')
    shutil.copy(files.adapter, tmp_path / 'adapter.safetensors')
    init_model(load(), f'{disk}/base.pth', f'{disk}/adapter.safetensors')


@pytest.mark.parametrize('place', ['web', 'disk', 'nowhere'])
def test_what_is_not_there_is_named(load, files, served, disk, place):
    place = {'web': served[1], 'disk': disk, 'nowhere': 'nowhere:/'}[place]
    kinds = (FileNotFoundError, ValueError)
    with pytest.raises(kinds, match=rf'{place}/gone\.pth'):
        read_checkpoint(f'{place}/gone.pth')
    with pytest.raises(kinds, match=rf'{place}/gone\.safetensors'):
        init_model(load(), files.base, f'{place}/gone.safetensors')


def test_a_server_that_is_down(load, files):
    place = 'http://127.0.0.1:9/base'
    with pytest.raises(FileNotFoundError, match=f'{place}.*refused'):
        read_checkpoint(f'{place}.pth')
    with pytest.raises(OSError, match=r'refused.*base'):
        init_model(load(), files.base, f'{place}.safetensors')

"""Where the page is served, and what is refused before it is."""

import socket
from pathlib import Path

import pytest

from mmseg_missing.cli.main import main
from mmseg_missing.page import serving


@pytest.fixture
def taken():
    """A port that somebody else listens on."""
    with socket.socket() as place:
        place.bind(('127.0.0.1', 0))
        place.listen()
        yield place.getsockname()[1]


@pytest.fixture
def serve(files, monkeypatch, capsys):
    """Return a function that gives the line that a command ends with."""
    config = Path(__file__).parents[1] / 'configs' / 'tiny-ssf.py'
    monkeypatch.setattr(serving, 'find_spec', lambda name: True)

    def serve(*arguments, checkpoint=files.base):
        with pytest.raises(SystemExit) as end:
            main(['serve', str(config), str(checkpoint), *arguments])
        assert end.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    return serve


def test_free_ports(taken):
    assert serving.free_port('127.0.0.1', 0) > 0
    with pytest.raises(ValueError, match=rf'port {taken} of .*`--port`'):
        serving.free_port('127.0.0.1', taken)
    with pytest.raises(ValueError, match=r'--host .* is no address'):
        serving.free_port('no such place', 0)


@pytest.mark.parametrize(
    ('host', 'alone'),
    [
        ('127.0.0.1', True),
        ('localhost', True),
        ('::1', True),
        ('0.0.0.0', False),
        ('192.168.1.2', False),
        ('example.org', False),
    ],
)
def test_what_only_this_machine_reaches(host, alone):
    assert serving.is_loopback(host) == alone


def test_mistakes_end_with_a_line(serve, taken, files, tmp_path):
    assert 'from 0 to 65535' in serve('--port', '70000')
    assert 'from 0 to 65535' in serve('--port', '-1')
    assert f'port {taken}' in serve('--port', str(taken))
    other = tmp_path / 'other.safetensors'
    other.write_bytes(b'')
    line = serve('--port', '0', '--adapter', str(other))
    assert line.startswith('error: ') and str(other) in line
    line = serve('--port', '0', checkpoint=tmp_path / 'none.pth')
    assert 'none.pth' in line


def test_gradio_is_named_with_its_command(serve, monkeypatch):
    monkeypatch.setattr(serving, 'find_spec', lambda name: None)
    assert serve().endswith('pip install "mmseg-missing[page]"')

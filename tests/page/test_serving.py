"""Where the page is served, and what is refused before it is."""

import socket
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmseg_missing.cli import serve
from mmseg_missing.cli.main import main
from mmseg_missing.page import serving

CONFIG = Path(__file__).parents[1] / 'configs' / 'tiny-ssf.py'


@pytest.fixture
def taken():
    """A port that somebody else listens on."""
    with socket.socket() as place:
        place.bind(('127.0.0.1', 0))
        place.listen()
        yield place.getsockname()[1]


@pytest.fixture
def refused(files, monkeypatch, capsys):
    """Return a function that gives the line that a command ends with."""
    monkeypatch.setattr(serving, 'find_spec', lambda name: name)

    def refused(*arguments, checkpoint=files.base):
        with pytest.raises(SystemExit) as end:
            main(['serve', str(CONFIG), str(checkpoint), *arguments])
        assert end.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    return refused


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


def test_mistakes_end_with_a_line(refused, taken, files, tmp_path):
    assert 'from 0 to 65535' in refused('--port', '70000')
    assert 'from 0 to 65535' in refused('--port', '-1')
    assert f'port {taken}' in refused('--port', str(taken))
    other = tmp_path / 'other.safetensors'
    other.write_bytes(b'')
    line = refused('--port', '0', '--adapter', str(other))
    assert line.startswith('error: ') and str(other) in line
    line = refused('--port', '0', checkpoint=tmp_path / 'none.pth')
    assert 'none.pth' in line


def test_gradio_is_named_with_its_command(refused, monkeypatch):
    monkeypatch.setattr(serving, 'find_spec', lambda name: None)
    assert refused().endswith('pip install "mmseg-missing[page]"')


@pytest.mark.parametrize('host', ['127.0.0.1', '0.0.0.0'])
def test_who_else_may_come_is_said_once(files, monkeypatch, capsys, host):
    """And the page ends well."""

    @contextmanager
    def served(studio, title, host, port):
        assert studio.segment.names == ('rgb', 'depth', 'thermal')
        yield f'http://{host}:{port}'

    monkeypatch.setattr(serve, 'require_gradio', lambda: None)
    monkeypatch.setattr(serve, 'served', served)
    monkeypatch.setattr(serve, 'wait', lambda: None)
    given = [str(CONFIG), str(files.base), '--host', host, '--port', '0']
    main(['serve', *given])
    out, err = capsys.readouterr()
    assert f'open http://{host}:' in out and 'is closed' in out
    assert err.count('no password') == (host == '0.0.0.0')

"""What a run needs: keys of its config, and its device."""

import pytest
from mmengine.config import Config

from mmseg_missing.apis import init_model
from mmseg_missing.startup.checks import check_device, require


@pytest.fixture
def cfg(tmp_path):
    path = tmp_path / 'some.py'
    path.write_text('a = dict(b=dict(c=[]), none=None, number=0)')
    return Config.fromfile(str(path))


def test_what_is_there(cfg):
    assert require(cfg, 'a.b') == {'c': []}
    assert require(cfg, 'a.b.c') == []
    assert require(cfg, 'a.number') == 0


@pytest.mark.parametrize(
    ('key', 'named'),
    [
        ('x', '`x`'),
        ('x.y.z', '`x`'),
        ('a.x', '`a.x`'),
        ('a.b.x.y', '`a.b.x`'),
        ('a.none', '`a.none`'),
        ('a.number.x', '`a.number.x`'),
    ],
)
def test_the_first_key_that_lacks_is_named(cfg, key, named):
    with pytest.raises(ValueError, match=rf"/some\.py' has no {named}; add"):
        require(cfg, key)
    with pytest.raises(ValueError, match=f'^the config has no {named};'):
        require(Config(cfg.to_dict()), key)


def test_kinds_of_devices():
    assert check_device('cpu') == check_device('cpu', {'cpu': 1}) == 'cpu'
    with pytest.raises(ValueError, match=r"type cuda or mps, got 'cpu';"):
        check_device('cpu', ('cuda', 'mps'))


@pytest.mark.parametrize('device', ['cuda:97', 'gpu', ''])
def test_no_such_device(load, files, device):
    words = rf"no device '{device}' here; .*--device"
    with pytest.raises(ValueError, match=words):
        check_device(device)
    with pytest.raises(ValueError, match=words):
        init_model(load(), files.base, device=device)

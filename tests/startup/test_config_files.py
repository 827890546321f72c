"""Configs by name, from any folder."""

import os
from pathlib import Path

import pytest

from mmseg_missing.apis import init_model
from mmseg_missing.apis.model import load_config
from mmseg_missing.startup import config_files
from mmseg_missing.startup.config_files import find_config, shipped

SMALL = 'cmnext_small_1xb8-12e_scenes-rgbdt-64x96'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Another folder than that of the sources."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package without sources, whose wheel carries two configs."""
    package = tmp_path / 'site-packages' / 'mmseg_missing'
    mim = package / '.mim'
    for name in ('a/net_long.py', 'a/net.py', 'b/other.py', '_base_/part.py'):
        file = mim / 'configs' / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('x = 1')
    (mim / 'model-index.yml').touch()
    # What another package left beside ours is none of our configs.
    (package.parent / 'configs').mkdir()
    (package.parent / 'configs' / 'foreign.py').touch()
    monkeypatch.setattr(config_files, 'PACKAGE', package)
    return mim / 'configs'


@pytest.mark.parametrize('name', [SMALL, f'{SMALL}.py', f'cmnext/{SMALL}'])
def test_name_of_the_sources(name):
    found = find_config(name)
    assert found.is_absolute() and found.stem == SMALL
    assert load_config(name).model.backbone.type == 'CMNeXt'


def test_python_functions_take_names():
    with pytest.raises(FileNotFoundError, match=r"no checkpoint 'no\.pth'"):
        init_model(SMALL, 'no.pth')


def test_a_checkpoint_of_another_epoch_is_told(tmp_path):
    for epoch in (20, 200):
        path = tmp_path / f'epoch_{epoch}.pth'
        path.touch()
        os.utime(path, (epoch, epoch))
    said = r"no checkpoint '.*30\.pth'; its folder has epoch_200.pth, epoch_20"
    with pytest.raises(FileNotFoundError, match=said):
        init_model(SMALL, tmp_path / 'epoch_30.pth')


def test_path_as_given_comes_first(installed):
    Path('net.py').touch()
    assert find_config('net') == find_config('net.py') == Path('net.py')


def test_own_configs_come_before_those_of_the_package(installed):
    Path('configs/mine').mkdir(parents=True)
    Path('configs/mine/net.py').touch()
    assert find_config('net') == Path('configs/mine/net.py')
    assert find_config('other') == installed / 'b/other.py'


def test_wheel(installed):
    assert find_config('net') == installed / 'a/net.py'  # not net_long
    assert find_config('net_l') == installed / 'a/net_long.py'
    assert find_config('_base_/part.py') == installed / '_base_/part.py'
    assert shipped('configs') == installed


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('ne', "'ne'; did you mean net or net_long?"),
        ('othar', "'othar'; did you mean other?"),
        ('folder/othar.py', 'did you mean other?'),
        # A path is no name, and parts of configs are none.
        ('folder/net.py', 'did you mean net'),
        ('part', "no config file 'part'"),
        ('foreign', "no config file 'foreign'"),
        ('/nowhere/net.py', "no config file '/nowhere/net.py'"),
        ('', "no config file '"),
        ('.', "no config file '.'"),
    ],
)
def test_no_such_config(installed, name, words):
    with pytest.raises(FileNotFoundError) as error:
        find_config(name)
    assert words in str(error.value)


def test_what_is_not_shipped():
    with pytest.raises(FileNotFoundError, match='install the package again'):
        shipped('nowhere')

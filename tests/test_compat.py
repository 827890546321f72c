"""The two stacks: what is missing is named."""

from importlib.machinery import ModuleSpec

import pytest
from mmengine.runner import CheckpointLoader

from mmseg_missing import compat


@pytest.fixture
def without_mmcv(monkeypatch):
    def find_spec(name):
        return None if name == 'mmcv' else ModuleSpec(name, None, origin=name)

    monkeypatch.setattr(compat, 'find_spec', find_spec)


def test_stack_is_found_here():
    assert compat.stack_installed()
    compat.require_stack()


def test_missing_package_is_named_with_the_command(without_mmcv):
    assert compat.missing_packages() == ['mmcv']
    command = r'but mmcv cannot .*pip install "mmseg-missing\[onedl\]"'
    with pytest.raises(ImportError, match=command):
        compat.require_stack()


def test_folder_of_that_name_is_no_package(tmp_path, monkeypatch):
    (tmp_path / 'clone_of_mmcv').mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(compat, 'STACK', ('clone_of_mmcv',))
    assert not compat.stack_installed()


def test_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'absent\.pth'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'absent.pth'))


def test_quiet_import_hides_chatter_and_keeps_errors(
    tmp_path, monkeypatch, capsys, recwarn
):
    (tmp_path / 'chatter.py').write_text(
        'import warnings\nprint("hello")\nwarnings.warn("careful")\n'
        'import no_such_module\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match='no_such_module'):
        compat.import_quietly('chatter')
    assert capsys.readouterr().out == ''
    assert not recwarn.list

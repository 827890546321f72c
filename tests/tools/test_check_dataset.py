import re

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

TOOL = 'check_dataset.py'
CONFIG = """
modalities = [dict(name='gray', channels=1)]
dataset = dict(
    type='FolderDataset',
    data_root={root!r},
    modalities=modalities,
    metainfo=dict(classes=('road', 'person')),
    pipeline=[
        dict(type='LoadModalities'),
        dict(type='LoadLabel', num_classes=2),
        dict(type='PackModalities'),
    ],
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dict(dataset, names=['3']))
"""


@pytest.fixture
def config(tmp_path):
    """Three grey images and labels, all in order."""
    for folder in ('gray', 'label'):
        (tmp_path / folder).mkdir()
        for i in range(1, 4):
            image = np.arange(6, dtype=np.uint8).reshape(2, 3) % 2
            cv2.imwrite(str(tmp_path / folder / f'{i}.png'), image)
    config = tmp_path / 'small.py'
    config.write_text(CONFIG.format(root=str(tmp_path)))
    return config


def test_all_is_well(run, config, capsys):
    run(TOOL, config, '--workers', 0)
    out = capsys.readouterr().out
    assert 'train (FolderDataset): 3 samples, 3 labels' in out
    assert "dict(name='gray', channels=1, mean=[0.5], std=[0.5])," in out
    assert out.count('modalities = [') == 1  # of training alone
    assert 'train: no problems\nval: the data set of train\n' in out
    assert out.endswith('test: no problems\n')


def test_problems_end_with_1(run, config, capsys):
    for name in ('label/1.png', 'gray/3.png'):
        (config.parent / name).write_bytes(b'broken')
    with pytest.raises(SystemExit) as ended:
        run(TOOL, config, '--workers', 0)
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert 'train: 2 problems:\n- ' in out and 'test: 1 problem:\n- ' in out
    assert 'label/1.png' in out and 'gray/3.png' in out


def test_one_split(run, config, capsys):
    (config.parent / 'label/1.png').unlink()
    run(TOOL, config, '--workers', 0, '--split', 'test')
    assert 'train' not in capsys.readouterr().out


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['train_dataloader.dataset.data_root=nowhere'], "'nowhere' has no"),
        (['train_dataloader.dataset.pipeline.1.num_classes=7'], '2 classes'),
    ],
)
def test_mistakes_end_in_one_line(refused, config, options, message):
    line = refused(TOOL, config, '--workers', 0, '--cfg-options', *options)
    assert message in line


def test_no_such_loader(refused, tmp_path):
    config = tmp_path / 'empty.py'
    config.write_text('a = 1')
    assert '`val_dataloader`' in refused(TOOL, config, '--split', 'val')
    assert 'no config file' in refused(TOOL, tmp_path / 'gone.py')


def test_the_page_of_data_sets_names_files_that_exist(tools):
    top = tools.parent
    page = (top / 'docs/datasets.md').read_text('utf-8')
    files = re.findall(r'(?:configs|tools)/[\w/.-]+\.py', page)
    files = [file for file in files if '/mine/' not in file]
    assert len(files) > 5
    assert [file for file in files if not (top / file).is_file()] == []


def test_the_page_of_data_sets_has_a_config_that_builds(tools, tmp_path):
    """As a user copies it, here beside the data of its example."""
    top = tools.parent
    page = (top / 'docs/datasets.md').read_text('utf-8')
    (text,) = re.findall(r'(# configs/mine/cmnext\.py\n.*?)```', page, re.S)
    mine = tmp_path / 'configs/mine'
    mine.mkdir(parents=True)
    (mine.parent / '_base_').symlink_to(top / 'configs/_base_')
    base = top / 'configs/_base_/datasets/nyuv2-13_rgbd_72x96.py'
    (mine / 'data.py').write_text(base.read_text('utf-8'), 'utf-8')
    (mine / 'cmnext.py').write_text(text, 'utf-8')
    cfg = Config.fromfile(mine / 'cmnext.py')
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
    assert model.stack.names == ('rgb', 'depth') and model.num_classes == 3

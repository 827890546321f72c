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
    names=['1', '2', '3'],
    modalities=modalities,
    metainfo=dict(classes=('road', 'person')),
    pipeline=[
        dict(type='LoadModalities'),
        dict(type='LoadLabel', num_classes=2),
        dict(type='PackModalities'),
    ],
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dict(dataset, names=['4']))
test_dataloader = dict(dataset=dict(dataset, names=['4']))
"""


@pytest.fixture
def config(tmp_path):
    """Four grey images and labels, all in order."""
    for folder in ('gray', 'label'):
        (tmp_path / folder).mkdir()
        for i in range(1, 5):
            image = np.arange(6, dtype=np.uint8).reshape(2, 3) // i % 2
            cv2.imwrite(str(tmp_path / folder / f'{i}.png'), image)
    config = tmp_path / 'small.py'
    config.write_text(CONFIG.format(root=str(tmp_path)))
    return config


def test_all_is_well(run, config, capsys):
    run(TOOL, config, '--workers', 0)
    out = capsys.readouterr().out
    assert 'train (FolderDataset): 3 samples, 3 labels' in out
    assert "dict(name='gray', channels=1, mean=[0.4444], std=[0.4969])" in out
    assert out.count('modalities = [') == 1  # of training alone
    assert 'train: no problems\n' in out and 'val: no problems\n' in out
    assert 'test: the data set of val\nnext, ' in out


def test_problems_end_with_1(run, config, capsys):
    for name in ('label/1.png', 'gray/3.png', 'gray/4.png'):
        (config.parent / name).write_bytes(b'broken')
    with pytest.raises(SystemExit) as ended:
        run(TOOL, config, '--workers', 0)
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert 'train: 2 problems:\n- ' in out and 'val: 1 problem:\n- ' in out
    assert 'label/1.png' in out and 'gray/3.png' in out


def problems(run, config, capsys, *options):
    """Return what the tool says is wrong, of all splits."""
    with pytest.raises(SystemExit) as ended:
        run(TOOL, config, '--workers', 0, *options)
    assert ended.value.code == 1
    out = capsys.readouterr().out
    return [line[2:] for line in out.splitlines() if line.startswith('- ')]


def test_a_file_of_training_in_the_test(run, config, capsys):
    before = config.read_text()
    text = before.replace("names=['4']", "names=['4', '2']")
    config.write_text(text)
    [line] = problems(run, config, capsys)
    assert line.startswith('1 of 2 samples of val have a file that train')
    assert 'gray/2.png' in line
    config.write_text(before)
    copy = config.parent / 'gray/4.png'
    copy.write_bytes((config.parent / 'gray/1.png').read_bytes())
    [line] = problems(run, config, capsys)  # val and test are one
    assert 'gray/4.png' in line and 'gray/1.png' in line


def test_the_training_again(run, config, capsys):
    text = config.read_text().replace("dict(dataset, names=['4'])", 'dataset')
    config.write_text(text)
    lines = problems(run, config, capsys)
    starts = [f'3 of 3 samples of {split}' for split in ('val', 'test')]
    assert all(map(str.startswith, lines, starts)) and len(lines) == 2


def test_a_part_of_the_training_to_validate_on(run, config, capsys):
    text = config.read_text().replace("names=['4']", "names=['2']", 1)
    config.write_text(text)
    run(TOOL, config, '--workers', 0)
    assert 'val: a part of train, which must' in capsys.readouterr().out


def test_what_a_data_set_leaves_out(run, config, capsys):
    rows = [f'gray/{i}.png,label/{i}.png,{s}' for i, s in MANIFEST]
    table = config.parent / 'all.csv'
    table.write_text('\n'.join(['gray,label,split', *rows]))
    text = config.read_text()
    text = text.replace('data_root', 'manifest').replace(
        f'{str(config.parent)!r}', f'{str(table)!r}'
    )
    for names in ("    names=['1', '2', '3'],\n", ", names=['4']"):
        text = text.replace(names, '')
    text = text.replace('dict(dataset)', "dict(dataset, split='test')")
    config.write_text(
        text.replace(
            '(dataset=dataset)', "(dataset=dict(dataset, split='train'))"
        )
    )
    [line] = problems(run, config, capsys)
    assert '1 samples of' in line and "'Train ' and not 'train'" in line


MANIFEST = [(1, 'train'), (2, 'train'), (3, 'Train '), (4, 'test')]


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

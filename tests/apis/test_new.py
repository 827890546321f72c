"""From a folder to configs that train."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS

from mmseg_missing.apis.new import folder as new_module
from mmseg_missing.apis.new import new
from mmseg_missing.apis.new.configs import open_questions
from mmseg_missing.apis.new.sizes import PIXELS_CPU, size_in_training
from mmseg_missing.datasets.scenes import render_scene
from mmseg_missing.modality import Stack
from mmseg_missing.startup.config_files import shipped

SIZE = (60, 90)


@pytest.fixture(scope='module')
def rooms(tmp_path_factory):
    """Scenes in files: RGB, depth in mm, thermal in degrees, labels."""
    root = tmp_path_factory.mktemp('rooms')
    for kind in ('rgb', 'depth', 'ir', 'labels'):
        (root / kind).mkdir()
    for i in range(12):
        images, label = render_scene(i, ['rgb', 'depth', 'thermal'], SIZE, 0)
        depth_mm = np.uint16(1000 * images['depth'].round(3))
        cv2.imwrite(f'{root}/rgb/{i}.png', images['rgb'][..., ::-1])
        cv2.imwrite(f'{root}/depth/{i}.png', depth_mm)
        cv2.imwrite(f'{root}/labels/{i}.png', label)
        tifffile.imwrite(f'{root}/ir/{i}.tiff', images['thermal'][..., 0])
    (root / 'ir/3.tiff').unlink()
    return root


@pytest.fixture(scope='module')
def written(rooms, tmp_path_factory):
    return new(rooms, tmp_path_factory.mktemp('out') / 'mine')


def test_files(written):
    out = written.data.parent
    assert {path.name for path in out.iterdir()} == {
        '_base_',
        'cmnext_small_mine.py',
        'data.py',
        'samples.csv',
        'samples.png',
        'two-stream_mobilenet-v2_mine.py',
    }
    assert written.networks[0].name == 'cmnext_small_mine.py'
    assert written.problems == []
    sheet = cv2.imread(str(written.sheet))
    assert len(np.unique(sheet)) > 100


def test_data(written):
    cfg = Config.fromfile(written.data)
    stack = Stack(cfg.modalities)
    assert stack.names == ('rgb', 'depth', 'thermal')
    assert list(cfg.in_channels) == [3, 1, 1]
    assert stack['depth'].interpolation == 'nearest'
    # Of the renderer, in metres and degrees Celsius.
    assert 2.5 < stack['depth'].mean[0] < 4
    assert 18 < stack['thermal'].mean[0] < 26
    init_default_scope('mmseg')
    splits = {}
    for split in ('train', 'val', 'test'):
        dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        splits[split] = len(dataset)
        sample = dataset[0]
        assert sample['inputs'].shape == (5, 64, 96)
    assert splits == {'train': 9, 'val': 1, 'test': 2}


def test_absent_files(written):
    cfg = Config.fromfile(written.data)
    init_default_scope('mmseg')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    rows = [row for row in written.guess.rows if row['split'] == 'train']
    [index] = [i for i, row in enumerate(rows) if not row['thermal']]
    present = dataset[index]['data_samples'].present
    assert list(present) == [True, True, False]


@pytest.mark.parametrize('number', [0, 1])
def test_networks(number, written):
    cfg = Config.fromfile(written.networks[number])
    init_default_scope('mmseg')
    network = MODELS.build(cfg.model)
    assert network.stack.names == ('rgb', 'depth', 'thermal')
    assert network.num_classes == cfg.num_classes
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    sample = dataset[0]
    batch = {
        'inputs': [sample['inputs']] * 2,
        'data_samples': [sample['data_samples']] * 2,
    }
    losses = network.train().loss(**network.data_preprocessor(batch, True))
    loss = sum(v for name, v in losses.items() if 'loss' in name)
    assert loss.isfinite()
    last = cfg.train_cfg.max_epochs
    if number == 0:
        assert written.last_checkpoint.name == f'epoch_{last}.pth'


def test_every_guess_says_how_sure_it_is(written):
    text = written.data.read_text()
    for line in (
        "name='thermal',  # sure: from 'ir'",
        '# likely: half of the values are below',
        'classes = (  # a guess: names are made up',
        "absent_file='missing',  # sure: of 12 samples 1 lack thermal",
    ):
        assert line in text, line
    questions = dict(open_questions(written.guess))
    assert set(questions) == {
        'split',
        'classes',
        'unit of depth',
        '`nodata` of depth',
        'unit of thermal',
    }


def test_a_folder_of_configs_can_be_moved(written, tmp_path):
    moved = tmp_path / 'elsewhere'
    shutil.copytree(written.data.parent, moved)
    cfg = Config.fromfile(moved / 'cmnext_small_mine.py')
    assert cfg.dataset.manifest == f'{moved}/samples.csv'


def test_inside_a_checkout_bases_are_its_own(rooms, tmp_path, monkeypatch):
    shutil.copytree(shipped('configs/_base_'), tmp_path / 'configs/_base_')
    monkeypatch.setattr(new_module, 'shipped', lambda name: tmp_path / name)
    written = new(rooms, tmp_path / 'configs/mine')
    assert not (tmp_path / 'configs/mine/_base_').exists()
    text = written.networks[0].read_text()
    assert "'../_base_/models/cmnext_small.py'" in text
    assert Config.fromfile(written.networks[0]).model.backbone


def test_configs_are_not_written_over(rooms, written):
    out = written.data.parent
    with pytest.raises(ValueError, match='--overwrite'):
        new(rooms, out)
    before = written.data.read_text()
    assert new(rooms, out, overwrite=True).data.read_text() == before


def test_what_is_wrong_is_told(rooms, tmp_path):
    root = tmp_path / 'rooms'
    shutil.copytree(rooms, root)
    (root / 'depth/5.png').write_bytes(b'\x89PNG\r\n\x1a\n')
    written = new(root, tmp_path / 'out')
    assert any('5.png' in problem for problem in written.problems)


def test_labels_in_colour_and_odd_names(tmp_path):
    """Names that are no words of Python, and what a dumped config keeps."""
    colours = np.uint8([[0, 0, 0], [128, 64, 0], [0, 0, 255]])
    for i in range(4):
        for kind in ('near-ir', "it's rgb", 'gt'):
            (tmp_path / kind).mkdir(exist_ok=True)
            image = np.random.default_rng(i).integers(0, 255, (*SIZE, 3))
            if kind == 'gt':
                label = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 3
                image = colours[label]
            cv2.imwrite(str(tmp_path / kind / f'{i}.png'), np.uint8(image))
    written = new(tmp_path, tmp_path / 'out', {'near-ir': 'near-ir'})
    cfg = Config.fromfile(written.networks[0])
    assert set(cfg.formats) == {'rgb', 'near-ir'}
    cfg.dump(tmp_path / 'dumped.py')
    again = Config.fromfile(tmp_path / 'dumped.py')
    init_default_scope('mmseg')
    dataset = DATASETS.build(again.val_dataloader.dataset)
    label = dataset[0]['data_samples'].gt_sem_seg.data
    assert label.unique().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    'size', [(480, 640), (64, 96), (192, 160), (33, 35), (100, 900)]
)
def test_size_in_training(size):
    height, width = size_in_training(size, PIXELS_CPU)
    assert height % 32 == width % 32 == 0
    assert 64 * 64 <= height * width < 2 * PIXELS_CPU
    assert (height > width) == (size[0] > size[1]) or height == width


def test_out_is_a_path_or_a_text(rooms, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = new(str(rooms), 'mine')
    assert written.data == Path('mine/data.py')

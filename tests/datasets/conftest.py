"""Tiny data sets in the published layouts, and one sample in memory."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmseg_missing

SIZE = (11, 13)  # height, width


@pytest.fixture(autouse=True)
def default_scope():
    init_default_scope('mmseg')


@pytest.fixture
def modalities():
    return [
        {'name': 'rgb', 'channels': 3, 'mean': [7, 8, 9.5]},
        {
            'name': 'depth',
            'channels': 1,
            'mean': [2.5],
            'interpolation': 'nearest',
        },
    ]


@pytest.fixture
def sample():
    """A label of distinct values per pixel, and modalities that repeat it."""
    label = np.arange(SIZE[0] * SIZE[1], dtype=np.uint8).reshape(SIZE)
    return {
        'modalities': {
            'rgb': np.repeat(label[..., None], 3, 2),
            'depth': label[..., None].astype(np.float32),
        },
        'present': {'rgb': True, 'depth': True},
        'gt_seg_map': label,
        'img_shape': SIZE,
        'ori_shape': SIZE,
        'sample_idx': 5,
    }


def draw_frame(index, classes):
    """RGB, depth in mm and a label that uses void and every class."""
    rng = np.random.default_rng(index)
    rgb = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    depth_mm = rng.integers(700, 9999, SIZE, dtype=np.uint16)
    label = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % (classes + 1)
    return rgb, depth_mm, label.astype(np.uint8)


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    if array.ndim == 3:
        array = array[..., [2, 1, 0, *range(3, array.shape[2])]]
    assert cv2.imwrite(str(path), np.ascontiguousarray(array))


@pytest.fixture
def folders_root(tmp_path):
    """The common folder: 12 training and 3 test frames, numbers from 0."""
    for i in range(15):
        rgb, depth_mm, label = draw_frame(i, 40)
        write(tmp_path / f'RGB/{i}.jpg', rgb)
        write(tmp_path / f'HHA/{i}.jpg', rgb[::-1])
        write(tmp_path / f'Depth/{i}.png', depth_mm)
        write(tmp_path / f'Label/{i}.png', label)
    lines = [f'RGB/{i}.jpg Label/{i}.png\n' for i in range(15)]
    (tmp_path / 'train.txt').write_text(''.join(lines[:12]))
    (tmp_path / 'test.txt').write_text(''.join(lines[12:]))
    return tmp_path


@pytest.fixture
def compact_root(tmp_path):
    """The folder with 8-bit depth: 12 training and 3 test frames, from 1."""
    for i in range(1, 16):
        rgb, depth_mm, label = draw_frame(i, 13)
        write(tmp_path / f'rgb/{i:04d}.jpg', rgb)
        depth8 = (depth_mm // 40).astype(np.uint8)
        write(tmp_path / f'depth8/{i:04d}.png', depth8)
        write(tmp_path / f'label13/{i:04d}.png', label)
    names = [f'{i:04d}\n' for i in range(1, 16)]
    (tmp_path / 'train.txt').write_text(''.join(names[:12]))
    (tmp_path / 'test.txt').write_text(''.join(names[12:]))
    return tmp_path


MCUBES = {
    'train': [f'outscene1208_2_00000001{i}0' for i in range(3)],
    'val': ['outscene1208_13_0000000150'],
    'test': ['outscene1209_1_0000000030', 'outscene1209_1_0000000060'],
}
MCUBES_CUT = 5  # columns on the left, for 192


@pytest.fixture
def mcubes_root(tmp_path):
    """MCubeS; a pixel's rgb, nir and label tell its column in the file.

    The second image of a split has 16 bits, the others 8.
    """
    width = SIZE[1] + MCUBES_CUT
    column = np.tile(np.arange(width, dtype=np.uint8), (SIZE[0], 1))
    angle = np.full((SIZE[0], width), np.pi / 6, np.float32)
    for split, names in MCUBES.items():
        for index, name in enumerate(names):
            deep = [np.uint8, np.uint16][index % 2]
            full = np.iinfo(deep).max // 255
            rgb = np.dstack([column, column + 40, column + 80]) * deep(full)
            write(tmp_path / f'polL_color/{name}.png', rgb)
            nir = (200 - column) * deep(full)
            write(tmp_path / f'NIR_warped/{name}.png', nir)
            for folder, array in {
                'polL_aolp_sin': np.sin(2 * angle),
                'polL_aolp_cos': np.cos(2 * angle),
                'polL_dolp': angle / 4,
            }.items():
                (tmp_path / folder).mkdir(exist_ok=True)
                np.save(tmp_path / folder / f'{name}.npy', array)
            write(tmp_path / f'GT/{name}.png', column)
        write_list(tmp_path / f'list_folder/{split}.txt', names)
    return tmp_path


DELIVER = {
    'cloud/test/MAP_10_point102': ['045050', '045060'],
    'cloud/train/MAP_1_point1': ['000010'],
    'night/test/MAP_2_point12': ['045050'],
    'night/test/MAP_2_point12_motionblur': ['000070'],
    'sun/test/MAP_2_point12_eventlowres': ['000070'],
    'sun/val/MAP_4_point3': ['000080'],
}


@pytest.fixture
def deliver_root(tmp_path):
    """DELIVER: RGBA images and labels, grey LiDAR, small events in one map."""
    label = np.zeros((*SIZE, 4), np.uint8)
    label[..., 0] = np.arange(SIZE[1]) * 2  # 0 is void, 24 the last
    label[-1, :, 0], label[..., 3] = 255, 255
    rgba = np.dstack(
        [label[..., 0] + v for v in (0, 50, 100)] + [label[..., 3]]
    )
    for place, frames in DELIVER.items():
        step = 2 if place.endswith('eventlowres') else 1
        for frame in frames:
            for folder, word, image in (
                ('img', 'rgb', rgba),
                ('hha', 'depth', rgba[..., :3]),
                ('event', 'event', rgba[::step, ::step]),
                ('lidar', 'lidar', rgba[..., 0]),
                ('semantic', 'semantic', label),
            ):
                file = f'{folder}/{place}/{frame}_{word}_front.png'
                write(tmp_path / file, image)
    return tmp_path


@pytest.fixture
def sunrgbd_root(tmp_path):
    """SUN RGB-D as converted: 12 training and 3 test frames."""
    names = [f'{i:05d}' for i in range(1, 16)]
    for index, name in enumerate(names):
        rgb, depth_mm, label = draw_frame(index, 37)
        write(tmp_path / f'RGB/{name}.jpg', rgb)
        write(tmp_path / f'Depth/{name}.png', depth_mm)
        write(tmp_path / f'Label/{name}.png', label)
    write_list(tmp_path / 'train.txt', names[3:])
    write_list(tmp_path / 'test.txt', names[:3])
    return tmp_path


def write_list(path, names):
    path.parent.mkdir(exist_ok=True)
    path.write_text(''.join(f'{name}\n' for name in names))


@pytest.fixture
def write_image():
    """Write an array as an image: ``write_image(path, array)``, RGB order."""
    return write


@pytest.fixture
def shrunk():
    """Return the data parts of a base config whose images are tiny.

    ``shrunk('nyuv2-40_rgbd_480x640.py', root)`` keeps every step, but every
    size in the pipelines becomes ``SIZE``.
    """

    def read(name, root):
        top = Path(mmseg_missing.__file__).parents[1]
        config = Config.fromfile(top / 'configs/_base_/datasets' / name)
        loaders = [config.train_dataloader, config.test_dataloader]
        for options in (loader.dataset for loader in loaders):
            options.update(data_root=str(root), serialize_data=False)
            for step in options.pipeline:
                sizes = {'scale': SIZE[::-1], 'crop_size': SIZE, 'size': SIZE}
                step.update({k: sizes[k] for k in sizes if k in step})
        return [loader.dataset for loader in loaders]

    return read

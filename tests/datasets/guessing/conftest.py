"""Tiny folders as users have them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

SIZE = (11, 13)  # height, width
COLOURS = np.uint8([[0, 0, 0], [128, 64, 0], [0, 0, 255]])


def label(i, classes=3):
    """Class indices: bands that move from sample to sample."""
    rows = (np.arange(SIZE[0]) + i) * classes // SIZE[0] % classes
    return np.repeat(rows[:, None], SIZE[1], 1).astype(np.uint8)


def rgb(i, size=SIZE):
    rng = np.random.default_rng(i)
    return rng.integers(0, 256, (*size, 3), dtype=np.uint8)


def depth_m(i, size=SIZE):
    """Metres of a room."""
    return np.random.default_rng(100 + i).uniform(0.8, 6, size)


def celsius(i):
    return np.random.default_rng(200 + i).uniform(15, 37, SIZE)


def write(path, array):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(array, Image.Image):
        array.save(path)
    elif path.suffix == '.npy':
        np.save(path, array)
    elif path.suffix in ('.tif', '.tiff'):
        tifffile.imwrite(path, array)
    else:
        if array.ndim == 3:
            order = [2, 1, 0, *range(3, array.shape[2])]
            array = array[..., order]
        assert cv2.imwrite(str(path), np.ascontiguousarray(array))


@pytest.fixture
def fill(tmp_path):
    """Return what writes ``makers[pattern](i)`` for some samples."""

    def write_all(makers, count=6):
        for i in range(count):
            for pattern, make in makers.items():
                write(tmp_path / pattern.format(i=i), make(i))
        return tmp_path

    return write_all


@pytest.fixture
def rgbd(fill):
    """Return a folder of RGB, depth and what a test changes or adds."""

    def make(changes=None, count=6):
        makers = {
            'rgb/{i:04d}.png': rgb,
            'depth/{i:04d}.png': lambda i: (1000 * depth_m(i)).astype('u2'),
            'labels/{i:04d}.png': label,
            **(changes or {}),
        }
        return fill({k: m for k, m in makers.items() if m}, count)

    return make

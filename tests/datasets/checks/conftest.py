"""A tiny folder in good order; tests damage it."""

import cv2
import numpy as np
import pytest

SIZE = (5, 7)  # height, width
STACK = [
    {'name': 'rgb'},
    {'name': 'ir', 'channels': 1, 'interpolation': 'nearest'},
    {'name': 'xyz', 'channels': 2, 'sensor': 'stereo'},
]


def write(path, array):
    path.parent.mkdir(exist_ok=True)
    if path.suffix == '.npy':
        np.save(path, array)
    else:
        assert cv2.imwrite(str(path), array)


@pytest.fixture
def root(tmp_path):
    """Four samples; the third has no ir; every label has ignored pixels."""
    rng = np.random.default_rng(0)
    for name in '1234':
        rgb = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        write(tmp_path / f'rgb/{name}.png', rgb)
        ir = rng.integers(0, 9999, SIZE, dtype=np.uint16)
        if name != '3':
            write(tmp_path / f'ir/{name}.png', ir)
        write(tmp_path / f'xyz/{name}.npy', rng.random((*SIZE, 2)))
        label = rng.integers(0, 2, SIZE, dtype=np.uint8)
        label[0] = 255
        write(tmp_path / f'label/{name}.png', label)
    return tmp_path


@pytest.fixture
def options(root):
    """The config of its data set."""
    return {
        'type': 'FolderDataset',
        'data_root': str(root),
        'names': ['1', '2', '3', '4'],
        'modalities': STACK,
        'formats': {
            'ir': {'dtype': 'uint16', 'scale': 0.01, 'offset': -20.0},
            'xyz': {'suffix': '.npy', 'dtype': 'float64'},
        },
        'metainfo': {'classes': ('road', 'person')},
        'pipeline': [
            {'type': 'LoadModalities', 'absent_file': 'missing'},
            {'type': 'ResizeModalities', 'scale': (3, 3)},
            {'type': 'LoadLabel', 'num_classes': 2},
            {'type': 'PackModalities'},
        ],
    }

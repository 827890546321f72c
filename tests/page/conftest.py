"""A tiny network that was never trained, as the page shows it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmseg_missing.page import Studio

CONFIGS = Path(__file__).parents[1] / 'configs'
H, W = 32, 48


@pytest.fixture(autouse=True)
def no_global_state(forgetting):
    with forgetting():
        yield


@pytest.fixture(scope='session')
def studio(files, forgetting):
    with forgetting():
        return Studio(CONFIGS / 'tiny-ssf.py', files.base, files.adapter)


@pytest.fixture
def folder(tmp_path):
    """Two samples; depth lies in millimetres, thermal of one is absent."""
    draw = np.random.default_rng(0)
    for name in ('rgb', 'depth', 'thermal', 'label'):
        (tmp_path / name).mkdir()
    for index in range(2):
        rgb = draw.integers(0, 256, (H, W, 3), np.uint8)
        depth = draw.integers(500, 9000, (H, W), np.uint16)
        label = draw.integers(0, 3, (H, W), np.uint8)
        for name, array in {
            'rgb': rgb,
            'depth': depth,
            'label': label,
        }.items():
            cv2.imwrite(str(tmp_path / f'{name}/{index}.png'), array)
    thermal = draw.integers(0, 256, (H, W), np.uint8)
    cv2.imwrite(str(tmp_path / 'thermal/0.png'), thermal)
    return tmp_path


@pytest.fixture
def cfg(load, folder):
    """The tiny network on files of one's own."""
    cfg = load('tiny')
    classes = [f'c{index}' for index in range(11)]
    cfg.test_dataloader.dataset = {
        'type': 'FolderDataset',
        'data_root': str(folder),
        'modalities': cfg.modalities,
        'metainfo': {'classes': classes},
        'formats': {'depth': {'dtype': 'uint16', 'scale': 0.001}},
        'pipeline': [
            {'type': 'LoadModalities', 'absent_file': 'missing'},
            {'type': 'LoadLabel', 'num_classes': 11},
            {'type': 'PackModalities'},
        ],
    }
    return cfg

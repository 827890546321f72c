from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS

from mmseg_missing.datasets import PST900Dataset

SIZE = (11, 13)  # of the config's images in conftest.py
LABEL = (np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 5).astype(np.uint8)
NAMES = {
    'train': [f'01_bag_rect_rgb_frame{i:010d}' for i in range(7, 19)],
    'test': ['31_bag1a_rect_rgb_frame0000000007'],
}
FILES = {
    'rgb': np.full((*SIZE, 3), (10, 20, 30), np.uint8),
    'thermal': np.full(SIZE, 40, np.uint8),
    'thermal_raw': np.full(SIZE, 30000, np.uint16),
    'depth': np.full(SIZE, 2560, np.uint16),
    'labels': LABEL,
}
open_pst900 = partial(PST900Dataset, serialize_data=False)


@pytest.fixture
def root(tmp_path, write_image):
    for part, names in NAMES.items():
        for name in names:
            for folder, array in FILES.items():
                write_image(tmp_path / part / folder / f'{name}.png', array)
    return tmp_path


def stems(dataset):
    infos = map(dataset.get_data_info, range(len(dataset)))
    return [Path(info['seg_map_path']).stem for info in infos]


def test_base_config_reads_it(root, shrunk):
    train, test = map(DATASETS.build, shrunk('pst900_rgbt_720x1280.py', root))
    assert len(train) == 12 and len(test) == 1
    assert train[0]['inputs'].shape == (4, *SIZE)
    assert test[0]['inputs'][:, 3, 5].tolist() == [10, 20, 30, 40]
    label = test[0]['data_samples'].gt_sem_seg.data
    torch.testing.assert_close(label[0], torch.from_numpy(LABEL).long())


def test_raw_thermal_and_depth(root):
    stack = [
        {'name': 'thermal_raw', 'channels': 1},
        {'name': 'depth', 'channels': 1},
    ]
    load = [{'type': 'LoadModalities', 'modalities': stack}]
    sample = open_pst900(str(root), modalities=stack, pipeline=load)[0]
    raw, depth_m = (a[3, 5, 0] for a in sample['modalities'].values())
    assert (raw, depth_m) == (30000, 1)


def test_splits(root):
    parts = {
        split: stems(open_pst900(str(root), split))
        for split in ('train', 'val', 'trainval', 'test')
    }
    assert parts['trainval'] == NAMES['train']
    assert parts['test'] == NAMES['test']
    assert parts['val'] == NAMES['train'][9:10]
    assert sorted(parts['train'] + parts['val']) == NAMES['train']
    assert open_pst900(str(root), 'val').metainfo['split'] == 'val'


def test_classes_in_the_order_of_the_authors(root):
    meta = open_pst900(str(root)).metainfo
    assert meta['classes'].index('fire extinguisher') == 1
    assert meta['classes'].index('hand drill') == 3
    assert len(meta['palette']) == 5

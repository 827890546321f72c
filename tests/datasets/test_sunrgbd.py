from functools import partial

import torch
from mmseg.registry import DATASETS

from mmseg_missing.datasets import SUNRGBDDataset

CONFIG = 'sunrgbd_rgbd_480x640.py'
SIZE = (11, 13)
open_sunrgbd = partial(SUNRGBDDataset, serialize_data=False)


def test_the_base_config_reads_it(sunrgbd_root, shrunk):
    train, test = map(DATASETS.build, shrunk(CONFIG, sunrgbd_root))
    assert (len(train), len(test)) == (12, 3)
    assert train[0]['inputs'].shape == (4, *SIZE)
    inputs, sample = test[1].values()
    assert inputs[3].min() >= 0.7 and 2 < inputs[3].max() < 10  # metres
    expected = (torch.arange(143) % 38 - 1) % 256  # void becomes 255
    torch.testing.assert_close(sample.gt_sem_seg.data.flatten(), expected)
    assert sample.img_path.endswith('RGB/00002.jpg')


def test_validation_is_carved_from_the_training_list(sunrgbd_root):
    train, val, both, test = (
        open_sunrgbd(str(sunrgbd_root), split).names
        for split in ('train', 'val', 'trainval', 'test')
    )
    assert val == both[9:10] and sorted(train + val) == both
    assert test == ['00001', '00002', '00003']

from functools import partial

import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS

from mmseg_missing.datasets import FMBDataset

SIZE = (11, 13)  # of the config's images in conftest.py
LABEL = (np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 15).astype(np.uint8)
open_fmb = partial(FMBDataset, serialize_data=False)


@pytest.fixture(params=['grey once', 'grey thrice'])
def root(request, tmp_path, write_image):
    channels = 3 if 'thrice' in request.param else 1
    files = {
        'Visible': np.full((*SIZE, 3), (10, 20, 30), np.uint8),
        'Infrared': np.full((*SIZE, channels), 40, np.uint8).squeeze(),
        'Label': LABEL,
    }
    for part, names in {
        'train': ['00001', '00004'],
        'test': ['00043'],
    }.items():
        for name in names:
            for folder, array in files.items():
                write_image(tmp_path / part / folder / f'{name}.png', array)
    return tmp_path


def test_base_config_reads_it(root, shrunk):
    train, test = map(DATASETS.build, shrunk('fmb_rgbt_600x800.py', root))
    assert len(train) == 2 and len(test) == 1
    assert train[0]['inputs'].shape == (4, *SIZE)
    assert test[0]['inputs'][:, 3, 5].tolist() == [10, 20, 30, 40]
    label = test[0]['data_samples'].gt_sem_seg.data[0]
    expected = (torch.from_numpy(LABEL).long() - 1) % 256
    torch.testing.assert_close(label, expected)
    assert test.metainfo['classes'][0] == 'road'
    assert len(test.metainfo['classes']) == len(test.metainfo['palette']) == 14


def test_unlabeled_as_a_class(root):
    load = [
        {'type': 'LoadModalities'},
        {'type': 'LoadLabel', 'num_classes': 15},
    ]
    stack = [{'name': 'thermal', 'channels': 1}]
    dataset = open_fmb(
        str(root), modalities=stack, num_classes=15, pipeline=load
    )
    np.testing.assert_array_equal(dataset[0]['gt_seg_map'], LABEL)
    classes, palette = dataset.metainfo['classes'], dataset.metainfo['palette']
    assert classes[:2] == ('unlabeled', 'road') and classes[-1] == 'pole'
    assert len(classes) == len(palette) == 15 and palette[0] == (0, 0, 0)


def test_wrong_number_of_classes(root):
    with pytest.raises(ValueError, match=r'`num_classes` .*\[14, 15\], got 9'):
        open_fmb(str(root), num_classes=9)

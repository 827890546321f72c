from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS

from mmseg_missing.datasets import MFNetDataset
from mmseg_missing.datasets.transforms import loading
from mmseg_missing.datasets.transforms.reading import read_array

SIZE = (11, 13)  # of the config's images in conftest.py
LISTS = {
    'train.txt': ['00001D', '00001D_flip', '00003N', '00003N_flip'],
    'val.txt': ['00004N'],
    'test.txt': ['00002D', '00005N', '00007N'],
    'test_day.txt': ['00002D'],
    'test_night.txt': ['00005N', '00007N'],
}
LABEL = (np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 9).astype(np.uint8)
# Every channel has its own value: red 10, green 20, blue 30, thermal 40.
RGBT = np.full((*SIZE, 4), (10, 20, 30, 40), np.uint8)
STACK = [
    {'name': 'rgb', 'channels': 3},
    {'name': 'thermal', 'channels': 1},
]
open_mfnet = partial(MFNetDataset, serialize_data=False)


def write_release(root, write):
    """Write the release; its flipped copies are only in the list."""
    for names in LISTS.values():
        for name in names:
            if not name.endswith('_flip'):
                write(root / f'images/{name}.png', RGBT)
                write(root / f'labels/{name}.png', LABEL)


def write_copy(root, write, thermal, channels):
    """Write one jpg per modality, thermal with one or three channels."""
    grey = RGBT[..., 3] if channels == 1 else RGBT[..., [3] * channels]
    for names in LISTS.values():
        for name in names:
            write(root / f'rgb/{name}.jpg', RGBT[..., :3])
            write(root / f'{thermal}/{name}.jpg', grey)
            write(root / f'labels/{name}.png', LABEL)


@pytest.fixture(params=['release', 'ther', 'ther, grey thrice', 'thermal'])
def root(request, tmp_path, write_image):
    if request.param == 'release':
        write_release(tmp_path, write_image)
    else:
        channels = 3 if 'thrice' in request.param else 1
        thermal = request.param.split(',')[0]
        write_copy(tmp_path, write_image, thermal, channels)
    for file, names in LISTS.items():
        (tmp_path / file).write_text('\n'.join(names) + '\n')
    return tmp_path


def stems(dataset):
    return [Path(item['seg_map_path']).stem for item in map_raw(dataset)]


def map_raw(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def test_base_config_reads_every_layout(root, shrunk):
    train, test = map(DATASETS.build, shrunk('mfnet_rgbt_480x640.py', root))
    assert len(train) == 2 and len(test) == 3
    sample = train[0]
    assert sample['inputs'].shape == (4, *SIZE)
    labels = sample['data_samples'].gt_sem_seg.data.unique().tolist()
    assert set(labels) <= {*range(9), 255}
    inputs = test[1]['inputs']
    assert inputs.dtype == torch.float32
    # JPEG may be off by two.
    expected = torch.tensor([10.0, 20, 30, 40])
    torch.testing.assert_close(inputs[:, 3, 5], expected, atol=2, rtol=0)
    label = test[1]['data_samples'].gt_sem_seg.data
    torch.testing.assert_close(label[0], torch.from_numpy(LABEL).long())


@pytest.mark.parametrize('root', ['release'], indirect=True)
def test_splits(root):
    for file, names in LISTS.items():
        dataset = open_mfnet(str(root), file.removesuffix('.txt'))
        expected = [name for name in names if not name.endswith('_flip')]
        assert stems(dataset) == expected
        assert dataset.metainfo['split'] == file.removesuffix('.txt')


@pytest.mark.parametrize('root', ['release'], indirect=True)
def test_a_file_of_two_modalities_is_read_once(root, monkeypatch):
    read = []

    def counted(path):
        read.append(path)
        return read_array(path)

    monkeypatch.setattr(loading, 'reader', lambda *_: counted)
    load = [{'type': 'LoadModalities', 'modalities': STACK}]
    sample = open_mfnet(str(root), pipeline=load)[0]
    assert read == [root / 'images/00001D.png']
    assert sample['modalities']['thermal'].shape == (*SIZE, 1)


@pytest.mark.parametrize('root', ['ther'], indirect=True)
def test_thermal_for_a_stem_of_three_channels(root):
    """As the published code of CMNeXt reads it."""
    stack = [{'name': 'thermal', 'channels': 3}]
    dataset = open_mfnet(
        str(root),
        modalities=stack,
        formats={'thermal': {'channels': [0, 0, 0]}},
        pipeline=[{'type': 'LoadModalities', 'modalities': stack}],
    )
    thermal = dataset[0]['modalities']['thermal']
    assert thermal.shape == (*SIZE, 3) and np.ptp(thermal) == 0


@pytest.mark.parametrize('root', ['release'], indirect=True)
def test_classes_and_colours(root):
    meta = open_mfnet(str(root)).metainfo
    assert len(meta['classes']) == len(meta['palette']) == 9
    assert meta['classes'][:3] == ('unlabeled', 'car', 'person')
    assert meta['palette'][1] == (64, 0, 128)

from functools import partial
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import DATASETS

import mmseg_missing
from mmseg_missing.datasets import OMBRIADataset
from mmseg_missing.modality import Stack

CONFIG = 'ombria_s1s2_64x64.py'
SIZE = (12, 14)  # height, width
IMAGES = {'s1_before': 1, 's1_after': 1, 's2_before': 3, 's2_after': 3}
LISTS = {
    'train.txt': [f'{i:04d}' for i in range(1, 12)],
    'test.txt': ['0013', '0018'],
    'test2021.txt': ['ALBANIA_1', 'TIMOR_7', 'TIMOR_9'],
}
open_ombria = partial(OMBRIADataset, serialize_data=False)


def write(path, array):
    path.parent.mkdir(exist_ok=True)
    array = array if array.ndim == 2 else array[..., ::-1]
    assert cv2.imwrite(str(path), np.ascontiguousarray(array))


@pytest.fixture
def root(tmp_path):
    """Every image has its own value, the mask has water on the right."""
    mask = np.zeros(SIZE, np.uint8)
    mask[:, 5:] = 1
    for name in chain(*LISTS.values()):
        for value, (folder, channels) in enumerate(IMAGES.items(), start=1):
            image = np.full((*SIZE, channels), 40 * value, np.uint8)
            image[..., channels - 1] += 7  # tells RGB from BGR
            write(tmp_path / folder / f'{name}.png', image.squeeze())
        write(tmp_path / 'mask' / f'{name}.png', mask)
    for file, names in LISTS.items():
        (tmp_path / file).write_text('\n'.join(names) + '\n')
    return tmp_path


@pytest.fixture
def stack():
    return [{'name': n, 'channels': c} for n, c in IMAGES.items()]


@pytest.fixture
def config():
    top = Path(mmseg_missing.__file__).parents[1]
    return Config.fromfile(top / 'configs/_base_/datasets' / CONFIG)


def pipeline(*steps):
    load = (
        {'type': 'LoadModalities'},
        {'type': 'LoadLabel', 'num_classes': 2},
    )
    return [*load, *steps, {'type': 'PackModalities'}]


def stems(dataset):
    paths = [dataset[i]['seg_map_path'] for i in range(len(dataset))]
    return [path.rsplit('/', 1)[1].split('.')[0] for path in paths]


def test_through_the_pipeline(root, stack):
    flips = [
        {'type': 'RandomFlipModalities', 'prob': 1.0, 'direction': d}
        for d in ('horizontal', 'vertical')
    ]
    dataset = DATASETS.build(
        {
            'type': 'OMBRIADataset',
            'data_root': str(root),
            'split': 'test2021',
            'modalities': stack,
            'pipeline': pipeline(*flips),
        }
    )
    assert dataset.metainfo['classes'] == ('land', 'water')
    assert len(dataset.metainfo['palette']) == 2
    inputs, sample = dataset[1]['inputs'], dataset[1]['data_samples']
    expected = [47, 87, 120, 120, 127, 160, 160, 167]
    assert inputs[:, 0, 0].tolist() == expected
    label = torch.zeros(1, *SIZE, dtype=torch.int64)
    label[..., :9] = 1  # flipped
    torch.testing.assert_close(sample.gt_sem_seg.data, label)
    assert sample.img_path.endswith('s1_before/TIMOR_7.png')
    assert sample.present.tolist() == [True, True, True, True]


def test_any_of_the_four_in_any_order(root):
    stack = [
        {'name': 's2_after', 'channels': 3},
        {'name': 's1_after', 'channels': 1},
    ]
    dataset = open_ombria(
        str(root), 'test', modalities=stack, pipeline=pipeline()
    )
    assert dataset[0]['inputs'][:, 0, 0].tolist() == [160, 160, 167, 87]


def test_splits(root):
    parts = {
        split: stems(open_ombria(str(root), split))
        for split in ('train', 'val', 'trainval', 'test', 'test2021')
    }
    assert parts['trainval'] == LISTS['train.txt']
    assert parts['val'] == ['0010']
    assert parts['train'] == [n for n in parts['trainval'] if n != '0010']
    assert parts['test'] == LISTS['test.txt']
    assert parts['test2021'] == LISTS['test2021.txt']
    assert open_ombria(str(root), 'val').metainfo['split'] == 'val'


def test_a_format_can_be_changed(root):
    (root / 'mine').mkdir()
    np.save(root / 'mine/0013.npy', np.ones((*SIZE, 1), np.float32))
    dataset = open_ombria(
        str(root),
        'test',
        modalities=[{'name': 's1_after', 'channels': 1}],
        formats={
            's1_after': {
                'folder': 'mine',
                'suffix': '.npy',
                'dtype': 'float32',
            }
        },
        pipeline=pipeline(),
    )
    assert dataset[0]['inputs'].unique().tolist() == [1]


def test_wrong_root_names_the_expected_tree(tmp_path):
    message = r's1_before/.*s2_after/.*mask/.*test2021\.txt.*`data_root`'
    with pytest.raises(FileNotFoundError, match=message):
        open_ombria(str(tmp_path / 'nowhere'))


def test_masks_that_are_not_there(root):
    (root / 'mask').rename(root / 'masks')
    with pytest.raises(FileNotFoundError, match='got no mask/'):
        open_ombria(str(root))


def test_list_that_is_not_there(root):
    (root / 'test2021.txt').unlink()
    open_ombria(str(root), 'test')
    with pytest.raises(FileNotFoundError, match=r'no test2021\.txt'):
        open_ombria(str(root), 'test2021')


def test_empty_split(root):
    (root / 'train.txt').write_text('0001\n0002\n\n')
    with pytest.raises(ValueError, match=r"split 'val' of .* is empty"):
        open_ombria(str(root), 'val')


@pytest.mark.parametrize('file', ['s2_after/0018.png', 'mask/0018.png'])
def test_missing_file_is_named(root, stack, file):
    (root / file).unlink()
    dataset = open_ombria(
        str(root), 'test', modalities=stack, pipeline=pipeline()
    )
    dataset[0]
    with pytest.raises(FileNotFoundError, match=file):
        dataset[1]


def test_a_clouded_image_may_be_left_out(root, stack):
    (root / 's2_after/0018.png').unlink()
    steps = pipeline()
    steps[0]['absent_file'] = 'missing'
    dataset = open_ombria(str(root), 'test', modalities=stack, pipeline=steps)
    present = dataset[1]['data_samples'].present
    assert present.tolist() == [True, True, True, False]


def test_mask_with_other_values_is_refused(root, stack):
    write(root / 'mask/0018.png', np.full(SIZE, 2, np.uint8))
    dataset = open_ombria(
        str(root), 'test', modalities=stack, pipeline=pipeline()
    )
    with pytest.raises(ValueError, match=r'value 2,.*0\.\.1'):
        dataset[1]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'split': 'training'}, r"`split` .*'train', 'val'.*'training'"),
        ({'modalities': ['rgb']}, r"unknown modality 'rgb'.*s1_before"),
    ],
)
def test_wrong_options(root, options, message):
    with pytest.raises(ValueError, match=message):
        open_ombria(str(root), **options)


def test_the_base_config_reads_it(root, config):
    for part, count in (('train', 11), ('test', 2)):
        options = config[f'{part}_dataloader'].dataset
        dataset = DATASETS.build({**options, 'data_root': str(root)})
        assert len(dataset) == count
        assert dataset[0]['inputs'].shape == (8, *SIZE)


def test_the_base_config_knows_the_satellites(config):
    alone, together = Stack(config.modalities), Stack(config.by_satellite)
    assert len(alone.incomplete()) == 14
    assert together.incomplete() == (
        's1_before+s1_after',
        's2_before+s2_after',
    )
    assert together.in_channels == alone.in_channels == [*IMAGES.values()]

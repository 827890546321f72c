from functools import partial

import cv2
import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS

from mmseg_missing.datasets import NYUv2Dataset

SIZE = (11, 13)  # of the frames in conftest.py
# Serialising a data list collects garbage, which is most of a tiny test.
open_nyuv2 = partial(NYUv2Dataset, serialize_data=False)


def pipeline(modalities, num_classes):
    return [
        {'type': 'LoadModalities', 'modalities': modalities},
        {'type': 'LoadLabel', 'num_classes': num_classes},
        {
            'type': 'RandomFlipModalities',
            'modalities': modalities,
            'prob': 1.0,
        },
        {'type': 'PackModalities', 'modalities': modalities},
    ]


def stems(dataset):
    paths = [dataset[i]['modality_paths']['rgb'] for i in range(len(dataset))]
    return [path.rsplit('/', 1)[1].split('.')[0] for path in paths]


def test_common_folder_through_the_pipeline(folders_root, modalities):
    dataset = DATASETS.build(
        {
            'type': 'NYUv2Dataset',
            'data_root': str(folders_root),
            'split': 'test',
            'modalities': modalities,
            'pipeline': pipeline(modalities, 40),
        }
    )
    assert len(dataset) == 3
    assert len(dataset.metainfo['classes']) == 40
    sample = dataset[1]
    inputs, data_sample = sample['inputs'], sample['data_samples']
    assert inputs.shape == (4, *SIZE)
    assert inputs[3].min() >= 0.7 and inputs[3].max() < 10  # metres
    label = data_sample.gt_sem_seg.data.flip(2).flatten()
    expected = (torch.arange(143) % 41 - 1) % 256  # void becomes 255
    torch.testing.assert_close(label, expected)
    assert data_sample.img_path.endswith('RGB/13.jpg')
    assert data_sample.present.tolist() == [True, True]


def test_hha_is_read_in_rgb_order(folders_root):
    stack = [{'name': 'hha', 'channels': 3}]
    dataset = open_nyuv2(
        str(folders_root),
        split='test',
        modalities=stack,
        pipeline=pipeline(stack, 40),
    )
    assert dataset[0]['inputs'].shape == (3, *SIZE)


def test_compact_folder_through_the_pipeline(compact_root, modalities):
    dataset = open_nyuv2(
        str(compact_root),
        split='test',
        modalities=modalities,
        num_classes=13,
        pipeline=pipeline(modalities, 13),
    )
    sample = dataset[0]
    depth8 = sample['inputs'][3] * 255 / 9.99547
    torch.testing.assert_close(depth8, depth8.round(), atol=1e-3, rtol=0)
    label = sample['data_samples'].gt_sem_seg.data
    assert set(label.unique().tolist()) == {*range(13), 255}
    assert dataset.metainfo['classes'][0] == 'bed'


@pytest.mark.parametrize('root', ['folders_root', 'compact_root'])
def test_validation_is_carved_from_the_training_list(request, root):
    root = str(request.getfixturevalue(root))
    classes = 40 if 'folders' in request.node.name else 13
    parts = {
        split: stems(open_nyuv2(root, split, num_classes=classes))
        for split in ('train', 'val', 'trainval', 'test')
    }
    assert len(parts['trainval']) == 12 and len(parts['test']) == 3
    assert parts['val'] == parts['trainval'][9:10]
    assert sorted(parts['train'] + parts['val']) == sorted(parts['trainval'])
    assert not set(parts['test']) & set(parts['trainval'])


def test_8_bit_depth_in_the_common_folder(folders_root):
    depth8 = np.full(SIZE, 200, np.uint8)
    cv2.imwrite(str(folders_root / 'Depth/12.png'), depth8)
    stack = [{'name': 'depth', 'channels': 1}]
    options = {
        'modalities': stack,
        'pipeline': [{'type': 'LoadModalities', 'modalities': stack}],
    }
    plain = open_nyuv2(str(folders_root), 'test', **options)
    with pytest.raises(ValueError, match='formats'):
        plain[0]
    formats = {'depth': {'dtype': 'uint8', 'scale': 0.04}}
    told = open_nyuv2(str(folders_root), 'test', formats=formats, **options)
    depth_m = told[0]['modalities']['depth']
    np.testing.assert_allclose(depth_m, 8.0, rtol=1e-6)


def test_modality_of_ones_own(folders_root):
    stack = [{'name': 'normals', 'channels': 3, 'geometry': 'normals'}]
    (folders_root / 'Normals').mkdir()
    np.save(folders_root / 'Normals/12.npy', np.ones((*SIZE, 3), np.float32))
    dataset = open_nyuv2(
        str(folders_root),
        'test',
        stack,
        formats={
            'normals': {
                'folder': 'Normals',
                'suffix': '.npy',
                'dtype': 'float32',
            }
        },
        pipeline=[{'type': 'LoadModalities', 'modalities': stack}],
    )
    assert dataset[0]['modalities']['normals'].shape == (*SIZE, 3)


def test_palette_has_one_colour_per_class(folders_root):
    palette = open_nyuv2(str(folders_root)).metainfo['palette']
    assert palette[0] == (128, 0, 0) and palette[1] == (0, 128, 0)
    assert len({tuple(color) for color in palette} | {(0, 0, 0)}) == 41


def test_wrong_root_names_the_expected_tree(tmp_path):
    message = r'RGB/.*Label/.*depth8/.*train\.txt.*`data_root`'
    with pytest.raises(FileNotFoundError, match=message):
        open_nyuv2(str(tmp_path / 'nowhere'))


def test_list_that_is_not_there(folders_root):
    (folders_root / 'test.txt').unlink()
    open_nyuv2(str(folders_root), 'train')
    with pytest.raises(FileNotFoundError, match=r'no test\.txt'):
        open_nyuv2(str(folders_root), 'test')


def test_empty_split(folders_root):
    (folders_root / 'train.txt').write_text('1\n2\n\n')
    with pytest.raises(ValueError, match=r"split 'val' of .* is empty"):
        open_nyuv2(str(folders_root), 'val')


def test_missing_file_is_named(folders_root, modalities):
    (folders_root / 'Depth/13.png').unlink()
    dataset = open_nyuv2(
        str(folders_root), 'test', pipeline=pipeline(modalities, 40)
    )
    with pytest.raises(FileNotFoundError, match=r'Depth/13\.png'):
        dataset[1]


def test_missing_label_is_named(folders_root, modalities):
    (folders_root / 'Label/13.png').unlink()
    dataset = open_nyuv2(
        str(folders_root), 'test', pipeline=pipeline(modalities, 40)
    )
    with pytest.raises(FileNotFoundError, match=r'Label/13\.png'):
        dataset[1]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'split': 'training'}, r"`split` .*'train', 'val'.*'training'"),
        ({'num_classes': 37}, r'`num_classes` .*\[40, 13\], got 37'),
        ({'modalities': ['rgb', 'lidar']}, r"unknown modality 'lidar'.*rgb"),
        (
            {'formats': {'rgb': {'ending': '.png'}}},
            r"'rgb' takes .*'suffix'.*'ending'",
        ),
    ],
)
def test_wrong_options(folders_root, options, message):
    with pytest.raises(ValueError, match=message):
        open_nyuv2(str(folders_root), **options)


def test_modality_that_a_layout_lacks(compact_root):
    with pytest.raises(ValueError, match="unknown modality 'hha'"):
        open_nyuv2(str(compact_root), modalities=['hha'], num_classes=13)

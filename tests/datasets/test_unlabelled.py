"""Images without labels, alone and beside others."""

import shutil

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmseg.registry import DATASETS


def files(root, modalities, **settings):
    return {
        'type': 'NYUv2Dataset',
        'data_root': str(root),
        'modalities': modalities,
        'pipeline': [
            {'type': 'LoadModalities'},
            {'type': 'LoadLabel', 'num_classes': 40},
            {
                'type': 'RandomCropModalities',
                'crop_size': (7, 9),
                'cat_max_ratio': 0.75,
            },
            {'type': 'PackModalities'},
        ],
        **settings,
    }


def scenes(modalities, **settings):
    return {
        'type': 'SceneDataset',
        'modalities': modalities,
        'num_scenes': 3,
        'size': (11, 13),
        'pipeline': [{'type': 'PackModalities'}],
        **settings,
    }


def labels(sample):
    return sample['data_samples'].gt_sem_seg.data.unique().tolist()


def is_labelled(sample):
    return sample['data_samples'].metainfo['labelled']


@pytest.fixture(params=['files', 'scenes'])
def config(request, folders_root, modalities):
    if request.param == 'scenes':
        return scenes(modalities)
    return files(folders_root, modalities)


def test_label_maps_are_void(config):
    dataset = DATASETS.build({**config, 'labelled': False})
    plain = DATASETS.build(config)
    assert len(dataset) == len(plain)
    for index in range(len(plain)):
        assert labels(dataset[index]) == [255]
        assert not is_labelled(dataset[index])
        assert labels(plain[index]) != [255] and is_labelled(plain[index])
    shape = plain[0]['data_samples'].gt_sem_seg.shape
    assert dataset[0]['data_samples'].gt_sem_seg.shape == shape


def test_images_stay_as_they_are(modalities):
    dataset = DATASETS.build(scenes(modalities, labelled=False))
    plain = DATASETS.build(scenes(modalities))
    assert torch.equal(dataset[1]['inputs'], plain[1]['inputs'])


def test_no_label_file_is_read(folders_root, modalities):
    shutil.rmtree(folders_root / 'Label')
    config = files(folders_root, modalities, labelled=False)
    assert labels(DATASETS.build(config)[0]) == [255]


def test_a_folder_of_ones_own(folders_root, modalities):
    config = files(folders_root, modalities)
    dataset = DATASETS.build(
        {
            **config,
            'type': 'FolderDataset',
            'names': ['3', '4'],
            'formats': {
                'rgb': {'folder': 'RGB', 'suffix': '.jpg'},
                'depth': {'folder': 'Depth', 'dtype': 'uint16'},
            },
            'labelled': False,
        }
    )
    assert [labels(dataset[i]) for i in range(2)] == [[255], [255]]


def test_beside_labelled_ones(config):
    """A batch may mix them; `split` differs and is left out of the check."""
    both = DATASETS.build(
        {
            'type': 'ConcatDataset',
            'datasets': [
                {**config, 'indices': 2},
                {**config, 'labelled': False, 'indices': range(2, 3)},
            ],
            'ignore_keys': ['split'],
        }
    )
    assert [is_labelled(both[i]) for i in range(3)] == [True, True, False]
    batch = pseudo_collate([both[i] for i in range(3)])
    assert len(batch['data_samples']) == 3

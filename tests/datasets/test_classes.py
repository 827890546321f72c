"""Some classes of a data set, or all in another order."""

import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS

from mmseg_missing.datasets.classes import chosen_metainfo, voc_palette
from mmseg_missing.datasets.nyuv2 import CLASSES
from mmseg_missing.datasets.scenes import CLASSES as SCENE_CLASSES
from mmseg_missing.datasets.scenes import PALETTE

SIZE = (11, 13)
STACK = [{'name': 'rgb'}, {'name': 'depth', 'channels': 1}]
KNOWN = {
    'classes': ('a', 'b', 'c'),
    'palette': [(1, 1, 1), (2, 2, 2), (3, 3, 3)],
}


def steps(num_classes):
    return [
        {'type': 'LoadModalities'},
        {'type': 'LoadLabel', 'num_classes': num_classes},
        {'type': 'PackModalities'},
    ]


def label_of(dataset):
    return dataset[0]['data_samples'].gt_sem_seg.data[0].numpy()


def expected(raw, every, chosen):
    """The new index of each pixel; ``raw`` counts from 1, 0 is void."""
    label = np.full(raw.shape, 255)
    for index, name in enumerate(chosen):
        label[raw == every.index(name) + 1] = index
    return label


NYU = CLASSES[40]
CHOICES = {
    'some': ('sofa', 'bed', 'otherprop'),
    'permuted': NYU[::-1],
    'all': NYU,
}


@pytest.mark.parametrize('choice', CHOICES)
def test_a_ready_data_set(folders_root, choice):
    chosen = CHOICES[choice]
    dataset = DATASETS.build(
        {
            'type': 'NYUv2Dataset',
            'data_root': str(folders_root),
            'modalities': STACK,
            'pipeline': steps(40),
            'metainfo': {'classes': chosen},
        }
    )
    raw = cv2.imread(str(folders_root / 'Label/0.png'), -1)
    np.testing.assert_array_equal(
        label_of(dataset), expected(raw, NYU, chosen)
    )
    assert dataset.metainfo['classes'] == chosen
    colours = dict(zip(NYU, voc_palette(40)))
    assert dataset.metainfo['palette'] == [colours[name] for name in chosen]
    assert (dataset.metainfo['label_map'] is None) == (choice == 'all')


@pytest.mark.parametrize('reduced', [True, False])
def test_a_folder(folders_root, reduced):
    files = NYU if reduced else ('void', *NYU)
    options = {
        'type': 'FolderDataset',
        'data_root': str(folders_root),
        'modalities': STACK,
        'formats': {
            'rgb': {'folder': 'RGB', 'suffix': '.jpg'},
            'depth': {'folder': 'Depth', 'dtype': 'uint16', 'scale': 0.001},
            'label': {'folder': 'Label', 'classes': files},
        },
        'reduce_zero_label': reduced,
        'pipeline': steps(len(files)),
    }
    chosen = ('sofa', 'bed')
    dataset = DATASETS.build({**options, 'metainfo': {'classes': chosen}})
    raw = cv2.imread(str(folders_root / 'Label/0.png'), -1)
    np.testing.assert_array_equal(
        label_of(dataset), expected(raw, NYU, chosen)
    )
    assert DATASETS.build(options).metainfo['classes'] == files  # the default
    del options['formats']['label']['classes']
    with pytest.raises(ValueError, match=r'label=dict\(classes=\(\.\.\.\)\)'):
        DATASETS.build({**options, 'metainfo': {'classes': chosen}})


def test_scenes():
    options = {
        'type': 'SceneDataset',
        'modalities': [{'name': 'rgb'}],
        'num_scenes': 1,
        'pipeline': [{'type': 'PackModalities'}],
    }
    before = label_of(DATASETS.build(options))
    chosen = SCENE_CLASSES[::-1]
    dataset = DATASETS.build({**options, 'metainfo': {'classes': chosen}})
    np.testing.assert_array_equal(label_of(dataset), 11 - before)
    assert dataset.metainfo['palette'] == PALETTE[::-1]


def test_a_palette_of_ones_own():
    given = {'classes': ('c', 'a'), 'palette': [[9, 9, 9], [8, 8, 8]]}
    found = chosen_metainfo('It', given, KNOWN)
    assert found['palette'] == [[9, 9, 9], [8, 8, 8]]
    # One colour per class of the files, as MMSegmentation takes it.
    given['palette'] = [[7, 7, 7], [8, 8, 8], [9, 9, 9]]
    found = chosen_metainfo('It', given, KNOWN)
    assert found['palette'] == [[9, 9, 9], [7, 7, 7]]


MISTAKES = {
    'unknown': ({'classes': ['a', 'z']}, "It has no class 'z'"),
    'twice': ({'classes': ['a', 'a']}, "names 'a' twice"),
    'a word': ({'classes': 'a'}, '`metainfo.classes` takes a list'),
    'a number': ({'classes': ['a', 1]}, 'wrong entry: 1'),
    'none': ({'classes': []}, 'takes 1 to 255 names, got 0'),
    'empty': ({'classes': ['a', ' ']}, 'empty name'),
    'no dict': (['a'], r'takes a dict\(classes'),
    'colour': ({'palette': [[1, 2]] * 3}, r'got \[1, 2\]'),
    'large': ({'palette': [[1, 2, 256]] * 3}, 'at most 255'),
    'few': ({'palette': [[1, 2, 3]]}, '3 classes but 1 colours'),
}


@pytest.mark.parametrize('mistake', MISTAKES)
def test_mistakes(mistake):
    given, message = MISTAKES[mistake]
    with pytest.raises((TypeError, ValueError), match=message):
        chosen_metainfo('It', given, KNOWN)

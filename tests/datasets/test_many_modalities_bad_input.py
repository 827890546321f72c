"""Mistakes in MCubeS, DELIVER, SUN RGB-D end in one sentence each."""

import shutil

import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS

# Of the second sample of the test split, where it has two.
NAME = 'outscene1209_1_0000000060'
FRAME = 'cloud/test/MAP_10_point102/045060'
SETS = {
    'MCubeS': {
        'options': {'columns': (5, 18)},
        'channels': {'rgb': 3, 'aolp': 2, 'dolp': 1, 'nir': 1},
        'num_classes': 20,
        'file': f'NIR_warped/{NAME}.png',
        'label': f'GT/{NAME}.png',
        'tree': r'polL_color/, .*GT/ and list_folder/train\.txt',
    },
    'DELIVER': {
        'options': {'formats': {'event': {'size': (11, 13)}}},
        'channels': dict.fromkeys(('rgb', 'hha', 'event', 'lidar'), 3),
        'num_classes': 25,
        'file': f'lidar/{FRAME}_lidar_front.png',
        'label': f'semantic/{FRAME}_semantic_front.png',
        'tree': r'img/, hha/, .*semantic/, .*cloud,fog',
    },
    'SUNRGBD': {
        'options': {},
        'channels': {'rgb': 3, 'depth': 1},
        'num_classes': 37,
        'file': 'Depth/00002.png',
        'label': 'Label/00002.png',
        'tree': r'RGB/, Depth/ .*Label/, .*convert sunrgbd',
    },
}


class Case:
    """One of the data sets on disk."""

    def __init__(self, name, root):
        case = SETS[name]
        self.type, self.root, self.tree = f'{name}Dataset', root, case['tree']
        self.file, self.label = root / case['file'], root / case['label']
        self.num_classes = case['num_classes']
        self.stack = [
            {'name': n, 'channels': c} for n, c in case['channels'].items()
        ]
        self.options = case['options']

    def open(self, **options):
        load = [
            {'type': 'LoadModalities'},
            {'type': 'LoadLabel', 'num_classes': self.num_classes},
        ]
        defaults = {
            'data_root': str(self.root),
            'split': 'test',
            'modalities': self.stack,
            'pipeline': load,
            'serialize_data': False,
            **self.options,
        }
        return DATASETS.build({'type': self.type, **defaults, **options})


@pytest.fixture(params=SETS)
def case(request):
    root = request.getfixturevalue(f'{request.param.lower()}_root')
    return Case(request.param, root)


def change(path, edit):
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert cv2.imwrite(str(path), edit(image))


def test_nothing_is_wrong(case):
    dataset = case.open()
    assert dataset[1]['present'] == dict.fromkeys(dataset.formats, True)
    assert len(dataset.metainfo['classes']) == case.num_classes
    palette = {tuple(color) for color in dataset.metainfo['palette']}
    assert len(palette) == case.num_classes
    assert dataset.metainfo['split'] == 'test'


def test_wrong_root_names_the_expected_tree(case):
    message = rf"nowhere' must hold {case.tree}.*, got .*`data_root`"
    with pytest.raises(FileNotFoundError, match=message):
        case.open(data_root=str(case.root / 'nowhere'))


def test_labels_that_are_not_there(case):
    folder = case.label.relative_to(case.root).parts[0]
    shutil.rmtree(case.root / folder)
    with pytest.raises(FileNotFoundError, match=f'got no {folder}/'):
        case.open()
    unlabelled = case.open(labelled=False)
    assert (unlabelled[0]['gt_seg_map'] == 255).all()


@pytest.mark.parametrize('case', ['MCubeS', 'SUNRGBD'], indirect=True)
def test_list_that_is_not_there(case):
    next(case.root.rglob('test.txt')).unlink()
    with pytest.raises(FileNotFoundError, match=r'got no .*test\.txt'):
        case.open()


def test_empty_split(case):
    for path in [*case.root.rglob('test.txt'), *case.root.glob('img/*/test')]:
        path.write_text('\n') if path.is_file() else shutil.rmtree(path)
    with pytest.raises(ValueError, match=r"split 'test' of '.* is empty"):
        case.open()


@pytest.mark.parametrize('kind', ['file', 'label'])
def test_missing_file_is_named(case, kind):
    path = getattr(case, kind)
    path.rename(path.with_name('other.png'))
    dataset = case.open()
    dataset[0]
    with pytest.raises(FileNotFoundError, match=f'{path}.* does not exist'):
        dataset[1]


def test_file_that_is_cut(case):
    case.file.write_bytes(case.file.read_bytes()[:-20])
    with pytest.raises(ValueError, match=f'{case.file}.* truncated'):
        case.open()[1]


def test_label_outside_the_classes(case):
    change(case.label, lambda x: np.full_like(x, 99))
    message = rf'{case.label}.* value 99, .*`num_classes`'
    with pytest.raises(ValueError, match=message):
        case.open()[1]


def test_other_size(case):
    change(case.file, lambda x: x[:-2])
    message = rf'{case.file}.* 9 x 13 .* 11 x 13 .*one size'
    with pytest.raises(ValueError, match=message):
        case.open()[1]


def test_wrong_bit_depth(case):
    tiff = case.file.rename(case.file.with_suffix('.tiff'))
    change(tiff, lambda x: x.astype(np.float32))
    tiff.rename(case.file)
    message = rf'{case.file}.* holds float32, .*declared as .*uint.*`formats='
    with pytest.raises(ValueError, match=message):
        case.open()[1]


def test_wrong_number_of_channels(case):
    change(case.file, lambda x: np.dstack([x] * 2 + [x[..., None]] * 2))
    if case.type == 'DELIVERDataset':
        case.open()[1]  # alpha is dropped
        return
    with pytest.raises(ValueError, match=rf'{case.file}.* has 4 channels'):
        case.open()[1]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'split': 'day'}, r"`split` of .*'train', 'val'.*, got 'day'"),
        ({'modalities': ['sonar']}, r"unknown modality 'sonar'.*'rgb'"),
    ],
)
def test_wrong_options(case, options, message):
    with pytest.raises(ValueError, match=message):
        case.open(**options)

"""Mistakes in the RGB-thermal data sets end in one sentence with a remedy."""

import shutil

import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS

SIZE = (11, 13)  # height, width
RGB = np.full((*SIZE, 3), 10, np.uint8)
RGBT = np.full((*SIZE, 4), 10, np.uint8)
THERMAL = np.full(SIZE, 40, np.uint8)
LABEL = np.ones(SIZE, np.uint8)
STACK = [{'name': 'rgb', 'channels': 3}, {'name': 'thermal', 'channels': 1}]
# Type, number of classes, where the files of the test split are, and what
# the folders of thermal, of labels and others hold.
SETS = {
    'mfnet': ('MFNet', 9, '.', ('images', RGBT), ('labels', LABEL)),
    'mfnet-copy': (
        'MFNet',
        9,
        '.',
        ('ther', THERMAL),
        ('labels', LABEL),
        ('rgb', RGB),
    ),
    'pst900': (
        'PST900',
        5,
        'test',
        ('thermal', THERMAL),
        ('labels', LABEL),
        ('rgb', RGB),
    ),
    'fmb': (
        'FMB',
        14,
        'test',
        ('Infrared', THERMAL),
        ('Label', LABEL),
        ('Visible', RGB),
    ),
}


class Case:
    """One data set on disk: samples 'a', 'b' and 'c' of the test split."""

    def __init__(self, name, root):
        kind, self.num_classes, part, *folders = SETS[name]
        self.root, self.type = root, f'{kind}Dataset'
        self.thermal, self.labels, *_ = (root / part / f for f, _ in folders)
        self.suffix = '.jpg' if name == 'mfnet-copy' else '.png'
        for folder, image in folders:
            (root / part / folder).mkdir(parents=True)
            suffix = '.png' if image is LABEL else self.suffix
            for sample in 'abc':
                path = root / part / folder / f'{sample}{suffix}'
                assert cv2.imwrite(str(path), image)
        if part == '.':
            (root / 'test.txt').write_text('a\nb\nc\n')

    def open(self, **options):
        load = [
            {'type': 'LoadModalities'},
            {'type': 'LoadLabel', 'num_classes': self.num_classes},
        ]
        defaults = {
            'data_root': str(self.root),
            'split': 'test',
            'modalities': STACK,
            'pipeline': load,
            'serialize_data': False,
        }
        return DATASETS.build({'type': self.type, **defaults, **options})


@pytest.fixture(params=SETS)
def case(request, tmp_path):
    return Case(request.param, tmp_path)


def only(*names):
    return pytest.mark.parametrize('case', names, indirect=True)


def test_nothing_is_wrong(case):
    dataset = case.open()
    assert len(dataset) == 3
    assert dataset[1]['modalities']['thermal'].shape == (*SIZE, 1)
    assert dataset[1]['gt_seg_map'].shape == SIZE


def test_wrong_root_names_the_expected_tree(case):
    message = r"nowhere' must hold .*[lL]abels?/.*, got .*`data_root`"
    with pytest.raises(FileNotFoundError, match=message):
        case.open(data_root=str(case.root / 'nowhere'))


def test_labels_that_are_not_there(case):
    shutil.rmtree(case.labels)
    message = f'got no .*{case.labels.name}/'
    with pytest.raises(FileNotFoundError, match=message):
        case.open()
    unlabelled = case.open(labelled=False)
    assert len(unlabelled) == 3
    assert (unlabelled[0]['gt_seg_map'] == 255).all()


@only('mfnet')
def test_list_that_is_not_there(case):
    with pytest.raises(FileNotFoundError, match=r'got no test_night\.txt'):
        case.open(split='test_night')


@only('mfnet')
def test_empty_list(case):
    (case.root / 'test.txt').write_text('\n')
    message = r"split 'test' of '.*test\.txt' is empty; it needs"
    with pytest.raises(ValueError, match=message):
        case.open()


@only('pst900', 'fmb')
def test_empty_folder(case):
    for path in case.root.rglob('*.png'):
        path.unlink()
    message = r"split 'test' of '.*[lL]abels?' is empty; it needs"
    with pytest.raises(ValueError, match=message):
        case.open()


@only('pst900', 'fmb')
def test_too_few_names_for_a_validation_part(case):
    (case.root / 'test').rename(case.root / 'train')
    message = r"split 'val' of .*train.* is empty; .* ten names"
    with pytest.raises(ValueError, match=message):
        case.open(split='val')


@only('pst900', 'fmb')
def test_names_that_do_not_agree(case):
    (case.thermal / 'c.png').rename(case.thermal / 'c_ir.png')
    message = rf"{case.thermal}' holds 1 names .* lacks, such as 'c_ir'"
    with pytest.raises(ValueError, match=message):
        case.open()


def test_missing_file_is_named(case):
    (case.thermal / f'b{case.suffix}').unlink()
    dataset = case.open()
    dataset[0]
    message = rf'{case.thermal}/b.* does not exist'
    with pytest.raises(FileNotFoundError, match=message):
        dataset[1]


def test_file_that_is_cut(case):
    path = case.thermal / f'b{case.suffix}'
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=rf'{path}.* truncated'):
        case.open()[1]


def test_label_outside_the_classes(case):
    path = case.labels / 'b.png'
    cv2.imwrite(str(path), LABEL * 20)
    message = rf'{path}.* value 20, .*`num_classes`'
    with pytest.raises(ValueError, match=message):
        case.open()[1]


@only('mfnet', 'pst900', 'fmb')  # a jpg has 8 bits
def test_wrong_bit_depth(case):
    path = case.thermal / 'b.png'
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(path), image.astype(np.uint16))
    message = rf'{path}.* holds uint16, .* uint8; set `formats='
    with pytest.raises(ValueError, match=message):
        case.open()[1]


@only('mfnet', 'pst900')
def test_wrong_number_of_channels(case):
    path = case.thermal / 'b.png'
    cv2.imwrite(str(path), RGB)
    message = rf"{path}' has 3 channels, but modality 'thermal' has 1"
    with pytest.raises(ValueError, match=message):
        case.open()[1]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'split': 'day'}, r"`split` of .*'train', 'val'.*, got 'day'"),
        ({'modalities': ['lidar']}, r"unknown modality 'lidar'.*'thermal'"),
        (
            {'formats': {'thermal': {'channels': [-1]}}},
            r"`channels` .* 'thermal' .* from 0, got \[-1\]; check `formats`",
        ),
    ],
)
def test_wrong_options(case, options, message):
    with pytest.raises(ValueError, match=message):
        case.open(**options)

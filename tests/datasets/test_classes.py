import numpy as np
import pytest

from mmseg_missing.datasets import NYUv2Dataset, SUNRGBDDataset
from mmseg_missing.datasets.multi_modal import chosen_classes

KNOWN = {'road': (1, 1, 1), 'car': (2, 2, 2), 'sky': (3, 3, 3)}


def steps(num_classes):
    return [
        {'type': 'LoadModalities'},
        {'type': 'LoadLabel', 'num_classes': num_classes},
    ]


def open_nyu(root, modalities, classes=None, num_classes=40):
    metainfo = None if classes is None else {'classes': classes}
    return NYUv2Dataset(
        str(root),
        'trainval',
        modalities,
        num_classes=40,
        pipeline=steps(num_classes),
        metainfo=metainfo,
    )


def test_a_choice_of_classes(folders_root, modalities):
    whole = open_nyu(folders_root, modalities)
    names = whole.metainfo['classes']
    wanted = (names[4], names[1], names[9])
    some = open_nyu(folders_root, modalities, wanted)
    assert some.metainfo['classes'] == wanted
    colors = whole.metainfo['palette']
    assert some.metainfo['palette'] == [colors[i] for i in (4, 1, 9)]
    full, label = (d[0]['gt_seg_map'] for d in (whole, some))
    assert {*np.unique(full)} >= {1, 4, 9, 255}
    expected = np.full_like(full, 255)
    for new, old in enumerate((4, 1, 9)):
        expected[full == old] = new
    np.testing.assert_array_equal(label, expected)


def test_all_classes_in_another_order(folders_root, modalities):
    whole = open_nyu(folders_root, modalities)
    names = whole.metainfo['classes']
    turned = open_nyu(folders_root, modalities, names[::-1])
    colors = whole.metainfo['palette']
    assert turned.metainfo['palette'] == colors[::-1]
    full, label = (d[0]['gt_seg_map'] for d in (whole, turned))
    inside = full != 255
    np.testing.assert_array_equal(label[inside], 39 - full[inside])
    assert open_nyu(folders_root, modalities, names).label_map is None


def test_labels_keep_the_classes_of_the_files(folders_root, modalities):
    names = open_nyu(folders_root, modalities).metainfo['classes'][:3]
    message = 'num_classes=3, but NYUv2Dataset has 40 classes in its label'
    with pytest.raises(ValueError, match=message):
        open_nyu(folders_root, modalities, names, num_classes=3)


@pytest.mark.parametrize(
    ('classes', 'message'),
    [
        (('road', 'house'), "names 'house', but its labels hold .*'sky'"),
        (('road', 'road'), r'`metainfo.classes` of X takes different names'),
        ((), 'takes different names'),
        ('road', "takes different names.*got 'road'"),
        (7, 'takes different names.*got 7'),
    ],
)
def test_choices_that_cannot_be(classes, message):
    with pytest.raises(ValueError, match=message):
        chosen_classes('X', KNOWN, {'classes': classes})


def test_a_file_of_classes_and_a_palette_of_ones_own(tmp_path):
    (tmp_path / 'classes.txt').write_text('sky\nroad\n')
    metainfo = {
        'classes': str(tmp_path / 'classes.txt'),
        'palette': [(9, 9, 9), (8, 8, 8)],
    }
    assert chosen_classes('X', KNOWN, metainfo) == {
        'classes': ('sky', 'road'),
        'palette': [(9, 9, 9), (8, 8, 8)],
    }


def test_other_data_sets_take_a_choice_too(sunrgbd_root, modalities):
    classes = ('floor', 'wall')
    dataset = SUNRGBDDataset(str(sunrgbd_root), metainfo={'classes': classes})
    assert dataset.metainfo['classes'] == classes
    assert dataset.label_map[0] == 1
    assert dataset.label_map[1] == 0
    assert {*dataset.label_map.values()} == {0, 1, 255}

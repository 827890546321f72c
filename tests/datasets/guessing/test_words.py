import pytest

from mmseg_missing.datasets.guessing.words import kind_of, split_of


@pytest.mark.parametrize(
    ('name', 'kind'),
    [
        ('RGB', 'rgb'),
        ('leftImg8bit', 'rgb'),
        ('JPEGImages', 'rgb'),
        ('depth8', 'depth'),
        ('Depth_raw', 'depth'),
        ('ir', 'thermal'),
        ('thermal_masks', 'label'),
        ('SegmentationClass', 'label'),
        ('gtFine', 'label'),
        ('camera', None),
        ('t1', 't1'),
        ('berlin', None),
    ],
)
def test_kind_of_a_folder(name, kind):
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    ('folder', 'split'),
    [
        ('train', ('train', '')),
        ('Validation', ('val', '')),
        ('val_images', ('val', 'images')),
        ('rgb-test', ('test', 'rgb')),
        ('latest', (None, 'latest')),
        ('trainstation', (None, 'trainstation')),
    ],
)
def test_split_of_a_folder(folder, split):
    assert split_of(folder) == split

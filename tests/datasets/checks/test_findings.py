from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_missing.datasets.checks import (
    SampleChecks,
    Summary,
    findings,
    shared_samples,
)

SIZE = (5, 7)


def summarize(options):
    checks = SampleChecks(DATASETS.build(options))
    return Summary(checks.stack, checks)


def found(options, split='train'):
    classes = options['metainfo']['classes']
    return findings(summarize(options), classes, split, options['formats'])


@pytest.fixture
def options(options):
    """As before, with mean and std as they are measured."""
    mean_std = {
        'rgb': ([127.0] * 3, [73.0] * 3),
        'ir': ([30.0], [29.0]),
        'xyz': ([0.5] * 2, [0.3] * 2),
    }
    modalities = [
        {**m, 'mean': mean_std[m['name']][0], 'std': mean_std[m['name']][1]}
        for m in options['modalities']
    ]
    return {**options, 'modalities': modalities}


def rewrite(path, change):
    """Change an image or an array in place."""
    if path.suffix == '.npy':
        array = np.load(path)
        change(array)
        np.save(path, array)
    else:
        array = cv2.imread(str(path), -1)
        change(array)
        assert cv2.imwrite(str(path), array)


@pytest.mark.parametrize('split', ['train', 'val', 'test', None])
def test_nothing(options, split):
    assert found(options, split) == []


def fill(value):
    def change(array):
        array[:] = value

    return change


def test_labels_that_are_all_ignored(options, root):
    rewrite(root / 'label/2.png', fill(255))
    [one] = found(options)
    assert one.startswith('1 of 4 labels') and 'rgb/2.png' in one
    for path in root.glob('label/*'):
        rewrite(path, fill(255))
    [all_of_them] = found(options)
    assert all_of_them.startswith('4 of 4 labels hold nothing but 255')


def test_a_class_that_never_occurs(options, root):
    for path in root.glob('label/*'):
        rewrite(path, lambda label: np.minimum(label, 0, out=label))
    assert found(options, 'test') == []
    [line] = found(options)
    assert "no label of train holds the class 'person'" in line


def test_samples_of_a_test_that_have_no_label(options):
    unlabelled = {**options, 'labelled': False}
    assert found(unlabelled, 'train') == []
    [line] = found(unlabelled, 'test')
    assert line.startswith('4 of 4 samples of test have no label')


def test_a_sample_twice(options, root):
    [line] = found({**options, 'names': ['1', '2', '1']})
    assert line.startswith('1 samples are there twice') and '1.png' in line
    for file in ('rgb/{}.png', 'ir/{}.png', 'xyz/{}.npy'):
        data = (root / file.format(2)).read_bytes()
        (root / file.format(4)).write_bytes(data)
    [line] = found(options)
    assert 'rgb/4.png' in line and 'rgb/2.png' in line


def test_constant_files_are_no_twins(options, root):
    """Night, or a tile without data, looks the same everywhere."""
    for name in '24':
        rewrite(root / f'rgb/{name}.png', fill(0))
        rewrite(root / f'ir/{name}.png', fill(0))
        rewrite(root / f'xyz/{name}.npy', fill(0))
    assert found(options) == []


def test_a_mask_of_0_and_255(options, root):
    for path in root.glob('label/*'):
        rewrite(path, lambda label: np.copyto(label, 255, where=label > 0))
    [line] = found(options)
    assert "the class 'person'" in line and '`values` of LoadLabel' in line


def test_one_file_in_two_splits(options, root):
    train = summarize({**options, 'names': ['1', '2']})
    test = {**options, 'names': ['3', '4']}
    assert shared_samples(summarize(test), 'test', train) == []
    # One modality is enough, under another name.
    (root / 'xyz/4.npy').write_bytes((root / 'xyz/1.npy').read_bytes())
    [line] = shared_samples(summarize(test), 'test', train)
    assert line.startswith('1 of 2 samples of test') and '4.png' in line
    (root / 'rgb/3.png').unlink()
    (root / 'rgb/3.png').symlink_to(root / 'rgb/2.png')
    [line] = shared_samples(summarize(test), 'test', train)
    assert line.startswith('2 of 2 samples of test')


@pytest.mark.parametrize('scale', [1000, 0.001])
def test_another_unit(options, scale):
    options['formats']['ir'] = {'dtype': 'uint16', 'scale': 0.01 * scale}
    [line] = found(options)
    assert "'ir' is configured with mean 30 and std 29, but has" in line
    assert '`scale`' in line


def test_a_channel_that_varies_little(options, root):
    for path in root.glob('rgb/*'):
        rewrite(path, lambda image: np.floor_divide(image, 9, out=image))
    [line] = found(options)
    assert "'rgb' is configured" in line
    for path in root.glob('rgb/*'):
        rewrite(path, lambda image: np.copyto(image[..., 0], image[0, 0, 0]))
    options['modalities'][0] |= {'mean': [14.0] * 3, 'std': [8.0, 8.0, 8.0]}
    assert found(options) == []


@pytest.mark.parametrize('share', [0.03, 0.9])
@pytest.mark.parametrize('value', [-9999.0, 1e20])
def test_values_that_stand_for_no_data(options, root, value, share):
    """However often they occur, and whatever that makes of the mean."""

    def spoil(array):
        array.ravel()[: int(array.size * share)] = value

    for path in root.glob('xyz/*'):
        rewrite(path, spoil)
    [line] = found(options)
    assert "'xyz' holds" in line and f'nodata={value:.8g}' in line
    assert 'xyz/1.npy' in line
    options['formats']['xyz']['nodata'] = value
    assert found(options) == []  # mean and std are those of the others


def test_zero_in_kelvin(options, root):
    def holes(array):
        array[:] = 290 + array
        array[0] = 0

    for path in root.glob('xyz/*'):
        rewrite(path, holes)
    [line] = found(options)
    assert 'xyz=dict(nodata=0)' in line


def test_the_stored_value_is_named(options, root):
    """Without its scale and offset."""

    def holes(array):
        array[0] = 65535

    for path in root.glob('ir/*'):
        rewrite(path, holes)
    [line] = found(options)
    assert "'ir' holds 635.3" in line and 'ir=dict(nodata=65535)' in line


def test_a_value_that_a_tiff_calls_no_data(options, root):
    """GDAL's tag; the value lies among the others."""
    options['formats']['xyz'] = {'suffix': '.tif', 'dtype': 'float32'}
    for path in root.glob('xyz/*'):
        array = np.load(path).astype(np.float32)
        array[0, 0] = 0.5
        extra = [(42113, 's', 0, '0.5', True)]
        tifffile.imwrite(
            path.with_suffix('.tif'),
            array,
            photometric='minisblack',
            planarconfig='contig',
            extratags=extra,
        )
    problems = summarize(options).problems
    assert problems and all('nodata=0.5' in line for line in problems)
    for nodata in (0.5, []):
        options['formats']['xyz']['nodata'] = nodata
        assert not summarize(options).problems and not found(options)


def test_a_value_that_is_far_out(options, root):
    """Among many between, so that it does not stand alone."""

    def spoil(array):
        array[0, :, 0] = np.linspace(1, 9, SIZE[1])

    rewrite(root / 'xyz/3.npy', spoil)
    [line] = found(options)
    assert "'xyz' holds 9, 28.3 standard deviations" in line
    assert 'xyz/3.npy' in line and 'nodata=9' in line


def test_a_constant_modality(options, root):
    for path in root.glob('ir/*'):
        rewrite(path, fill(3000))
    [line] = found(options)
    assert "'ir' has the value 10.0 in every pixel" in line


def test_orientation_tags(options, root):
    exif = Image.Exif()
    exif[274] = 6
    path = root / 'rgb/2.png'
    with Image.open(path) as image:
        image.load()
        image.save(path, exif=exif)
    [line] = found(options)
    assert '1 files have an orientation tag' in line and 'rgb/2.png' in line


def test_scenes_that_are_trained_on(options):
    scenes = {
        'type': 'SceneDataset',
        'modalities': [{'name': 'rgb'}],
        'num_scenes': 2,
        'size': SIZE,
        'pipeline': [{'type': 'PackModalities'}],
    }
    train, test = summarize(scenes), summarize({**scenes, 'start': 2})
    assert shared_samples(test, 'test', train) == []
    test = summarize({**scenes, 'start': 1})
    [line] = shared_samples(test, 'test', train)
    assert line.startswith('1 of 2 samples of test')


def test_the_name_is_a_path(options):
    names = [check.name for check in SampleChecks(DATASETS.build(options))]
    assert [Path(name).name for name in names] == [f'{i}.png' for i in '1234']

from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmseg.registry import DATASETS

import mmseg_missing
from mmseg_missing.datasets.checks import SampleChecks, Summary

SIZE = (5, 7)


def summarize(options, workers=0):
    checks = SampleChecks(DATASETS.build(options), workers)
    return Summary(checks.stack, checks)


@pytest.fixture
def summary(options):
    return summarize(options)


def test_counts(summary):
    assert summary.samples == summary.labels == 4
    assert summary.sizes == {SIZE: 4}
    assert summary.images == {'rgb': 4, 'ir': 3, 'xyz': 4}
    assert summary.absent == {'ir': 1}
    assert summary.problems == []


def test_statistics_are_numpys_in_the_unit_of_the_data(summary, root):
    arrays = {
        'rgb': [cv2.imread(str(p))[..., ::-1] for p in root.glob('rgb/*')],
        'ir': [
            cv2.imread(str(p), -1)[..., None] * 0.01 - 20
            for p in root.glob('ir/*')
        ],
        'xyz': [np.load(p) for p in root.glob('xyz/*')],
    }
    for name, images in arrays.items():
        pixels = np.stack(images).reshape(-1, images[0].shape[2])
        found = summary.statistics[name]
        # The data set delivers float32.
        rtol = 1e-12 if name == 'rgb' else 1e-6
        np.testing.assert_allclose(found.mean, pixels.mean(0), rtol=rtol)
        np.testing.assert_allclose(found.std, pixels.std(0), rtol=rtol)
        np.testing.assert_allclose(found.high, pixels.max(0), rtol=rtol)


def test_pixels_per_class(summary, root):
    labels = np.stack([cv2.imread(str(p), -1) for p in root.glob('label/*')])
    expected = np.bincount(labels.ravel(), minlength=256)
    np.testing.assert_array_equal(summary.label_pixels, expected)
    assert summary.label_pixels[255] == 4 * SIZE[1]
    assert summary.label_images[[0, 1, 2, 255]].tolist() == [4, 4, 0, 4]


def test_workers_find_the_same(options, root):
    cut(root / 'rgb/2.png')
    one, two = summarize(options), summarize(options, workers=2)
    assert two.problems == one.problems and len(one.problems) == 1
    assert two.images == one.images and two.absent == one.absent
    np.testing.assert_array_equal(two.label_pixels, one.label_pixels)
    for name, found in one.statistics.items():
        np.testing.assert_array_equal(two.statistics[name].mean, found.mean)


def remove(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def image(dtype, shape=SIZE, value=0):
    def write(path):
        cv2.imwrite(str(path), np.full(shape, value, dtype))

    return write


def nan(path):
    np.save(path, np.full((*SIZE, 2), np.nan))


# What is done to which file, and what is said of it.
DAMAGES = {
    'missing label': (remove, 'label/2.png', 'does not exist'),
    'broken image': (cut, 'rgb/2.png', 'truncated'),
    'broken label': (cut, 'label/2.png', 'truncated'),
    'broken array': (cut, 'xyz/2.npy', 'truncated'),
    'NaN': (nan, 'xyz/2.npy', 'NaN'),
    'label out of range': (
        image(np.uint8, value=2),
        'label/2.png',
        r'value 2, .*0\.\.1',
    ),
    'dtype': (image(np.uint8), 'ir/2.png', "holds uint8.*'ir'.*uint16"),
    'channels': (image(np.uint8), 'rgb/2.png', "1 channels.*'rgb' has 3"),
    'size': (
        image(np.uint16, (5, 9)),
        'ir/2.png',
        r'5 x 7 in .*rgb/2\.png.*5 x 9 in .*ir/2\.png',
    ),
    'size of label': (image(np.uint8, (9, 7)), 'label/2.png', '9 x 7.*5 x 7'),
}


@pytest.mark.parametrize('damage', DAMAGES)
def test_each_damage_is_found_and_named(options, root, damage):
    spoil, file, message = DAMAGES[damage]
    spoil(root / file)
    summary = summarize(options)
    [problem] = summary.problems
    assert file in problem
    with pytest.raises(ValueError, match=message):
        raise ValueError(problem)
    assert summary.samples == 4


def test_every_damage_of_one_sample(options, root):
    cut(root / 'rgb/2.png')
    image(np.uint8)(root / 'ir/2.png')
    remove(root / 'label/2.png')
    problems = summarize(options).problems
    files = 'rgb/2.png', 'ir/2.png', 'label/2.png'
    assert len(problems) == 3
    assert all(f in p for f, p in zip(files, problems, strict=True))


def test_absence_is_a_problem_where_the_pipeline_says_so(options):
    del options['pipeline'][0]['absent_file']
    summary = summarize(options)
    assert len(summary.problems) == 1 and 'ir/3.png' in summary.problems[0]
    assert summary.absent == {} and summary.images['ir'] == 3


def test_a_sample_with_nothing(options, root):
    for file in ('rgb/3.png', 'xyz/3.npy'):
        remove(root / file)
    [problem] = summarize(options).problems
    assert 'no modality at all' in problem and 'rgb/3.png' in problem


def test_joined_and_repeated_data_sets(options):
    half = {**options, 'indices': 2}
    many = {'type': 'RepeatDataset', 'times': 5, 'dataset': half}
    unlabelled = {**options, 'labelled': False}
    both = {
        'type': 'ConcatDataset',
        'datasets': [many, unlabelled],
        'ignore_keys': ['split'],
    }
    summary = summarize(both)
    assert (summary.samples, summary.labels) == (6, 2)


def test_without_labels_there_are_no_classes(options):
    summary = summarize({**options, 'labelled': False, 'metainfo': None})
    assert (summary.labels, summary.problems) == (0, [])


def test_data_that_is_made(options):
    scenes = {
        'type': 'SceneDataset',
        'modalities': [{'name': 'rgb'}, {'name': 'depth', 'channels': 1}],
        'num_scenes': 2,
        'size': SIZE,
        'pipeline': [{'type': 'PackModalities'}],
    }
    summary = summarize(scenes)
    assert summary.images == {'rgb': 2, 'depth': 2}
    assert summary.label_pixels.sum() == 2 * SIZE[0] * SIZE[1]
    assert summary.problems == []


def test_a_published_layout_by_its_base_config(folders_root):
    top = Path(mmseg_missing.__file__).parents[1]
    file = top / 'configs/_base_/datasets/nyuv2-40_rgbd_480x640.py'
    train = Config.fromfile(file).train_dataloader.dataset
    summary = summarize({**train, 'data_root': str(folders_root)})
    assert summary.samples == 12 and summary.problems == []
    depth_m = summary.statistics['depth']
    assert 0.7 <= depth_m.low[0] < depth_m.high[0] < 10
    assert summary.label_pixels[:40].all() and not summary.label_pixels[40]
    assert summary.label_pixels[255] == 12 * 4  # void is 0 in the files


def test_other_classes_than_the_label_step(options):
    options['pipeline'][2]['num_classes'] = 3
    with pytest.raises(ValueError, match=r'num_classes=3.* have 2 c'):
        summarize(options)


def test_a_pipeline_that_loads_nothing(options):
    with pytest.raises(ValueError, match='it needs LoadModalities'):
        summarize({**options, 'pipeline': []})


def test_a_modality_that_the_data_set_does_not_give(options):
    """A mistake in the config, not in a file."""
    other = [*options['modalities'], {'name': 'lidar'}]
    options['pipeline'][0]['modalities'] = other
    with pytest.raises(KeyError, match='lidar'):
        summarize(options)

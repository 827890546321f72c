"""A fault in a pipeline: raw units, one modality, seeded per image."""

from copy import deepcopy

import numpy as np
import pytest

from mmseg_missing.corruptions import FAULTS
from mmseg_missing.datasets import SceneDataset
from mmseg_missing.datasets.transforms import CorruptModality


@pytest.fixture(scope='module')
def scene():
    """Large enough for a lens to blur and a picture to move."""
    dataset = SceneDataset(['rgb', 'depth'], num_scenes=1, size=(71, 83))
    return dataset.get_data_info(0)


@pytest.mark.parametrize('fault', FAULTS)
def test_one_modality_changes_and_keeps_its_kind(scene, fault):
    for name in ('rgb', 'depth'):
        before = deepcopy(scene)
        out = CorruptModality(fault, name, 5)(deepcopy(scene))['modalities']
        for other, array in before['modalities'].items():
            assert out[other].dtype == array.dtype
            assert out[other].shape == array.shape
            assert np.array_equal(out[other], array) == (other != name)
        np.testing.assert_equal(scene, before)


def test_uint8_saturates(sample):
    sample['modalities']['rgb'][:] = 250
    sample['modalities']['rgb'][0] = 2
    out = CorruptModality('noise', 'rgb', 5)(sample)['modalities']['rgb']
    assert out.max() == 255 and np.median(out) > 190


def test_uint8_is_rounded(sample):
    sample['modalities']['rgb'][:] = 100
    sample['modalities']['rgb'][0] = 102
    out = CorruptModality('noise', 'rgb', 5)(sample)['modalities']['rgb']
    assert out[1:].mean() == pytest.approx(100, abs=0.1)  # cut: 99.5


def test_the_fault_belongs_to_the_image_not_to_the_order():
    def images(order, **options):
        step = {'type': 'mmseg.CorruptModality', 'fault': 'noise', **options}
        dataset = SceneDataset(
            ['rgb', 'depth', 'thermal'],
            num_scenes=3,
            size=(11, 13),
            pipeline=[{'modality': 'depth', **step}],
        )
        return {i: dataset[i]['modalities'] for i in order}

    one, other = images((0, 1, 2)), images((2, 0))
    np.testing.assert_equal(other[2], one[2])
    assert not np.array_equal(images([0], seed=1)[0]['depth'], one[0]['depth'])
    step = CorruptModality('noise', 'depth')
    seeds = {step._seed({'sample_idx': i}) for i in range(9)}
    seeds.add(CorruptModality('noise', 'thermal')._seed({'sample_idx': 0}))
    assert len(seeds) == 10


def test_holes_of_real_depth_stay(scene):
    holes = scene['modalities']['depth'] == 0
    assert holes.any()
    blur = CorruptModality('blur', 'depth', 5)
    out = blur(dict(scene))['modalities']['depth']
    np.testing.assert_array_equal(out == 0, holes)


def test_wrong_keys(sample):
    with pytest.raises(ValueError, match="unknown fault 'snow'"):
        CorruptModality('snow', 'rgb')
    with pytest.raises(ValueError, match='severity'):
        CorruptModality('fog', 'rgb', 6)
    with pytest.raises(KeyError, match=r"'lidar'.*\['rgb', 'depth'\]"):
        CorruptModality('fog', 'lidar')(sample)

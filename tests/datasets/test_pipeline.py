from copy import deepcopy

import pytest

from mmseg_missing.datasets import NYUv2Dataset
from mmseg_missing.datasets.pipeline import complete_pipeline

RESIZE = {'type': 'ResizeModalities', 'scale_factor': 2.0}
PACK = {'type': 'PackModalities'}
LABEL = {'type': 'LoadLabel', 'num_classes': 40}


def test_a_step_takes_the_stack_of_its_data_set(modalities):
    resize, label = complete_pipeline([RESIZE, LABEL], modalities)
    assert resize == {**RESIZE, 'modalities': modalities}
    assert label == LABEL


def test_a_step_keeps_its_own(modalities):
    own = {**RESIZE, 'modalities': modalities[:1]}
    assert complete_pipeline([own], modalities) == [own]


def test_the_callers_dicts_stay_as_they_are(modalities):
    steps = [{'type': 'TestTimeAug', 'transforms': [[dict(RESIZE)], [PACK]]}]
    before = deepcopy(steps)
    complete_pipeline(steps, modalities)
    assert steps == before


def test_test_time_augmentation_through_the_data_set(folders_root, modalities):
    flips = [{'type': 'RandomFlipModalities', 'prob': p} for p in (0.0, 1.0)]
    augment = {'type': 'TestTimeAug', 'transforms': [flips, [LABEL], [PACK]]}
    dataset = NYUv2Dataset(
        str(folders_root),
        'test',
        modalities,
        pipeline=[{'type': 'LoadModalities'}, augment],
    )
    plain, mirrored = dataset[0]['inputs']
    assert plain.shape == (4, 11, 13)
    assert plain.equal(mirrored.flip(2))


def test_names_alone_complete_nothing(folders_root):
    with pytest.raises(TypeError, match='modalities'):
        NYUv2Dataset(str(folders_root), 'test', ['rgb'], pipeline=[PACK])

from copy import deepcopy

import pytest
from mmcv.transforms import Resize

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


FOR_ONE_IMAGE = [
    ({'type': 'Resize', 'scale': (7, 5)}, 'use ResizeModalities'),
    ({'type': 'RandomFlip', 'prob': 0.5}, 'use RandomFlipModalities'),
    ({'type': 'RandomCrop', 'crop_size': (5, 7)}, 'use RandomCropModalities'),
    ({'type': 'mmseg.PhotoMetricDistortion'}, 'use RGBPhotoMetricDist'),
    ({'type': 'Pad', 'size_divisor': 8}, 'use PadModalities'),
    ({'type': 'LoadAnnotations'}, 'use LoadLabel'),
    ({'type': 'CLAHE'}, 'CLAHE .* leave it out'),
    (Resize(scale=(7, 5)), 'Resize .* use ResizeModalities'),
    ({'type': Resize, 'scale': (7, 5)}, 'use ResizeModalities'),
]


@pytest.mark.parametrize('split', ['train', 'test'])
@pytest.mark.parametrize(('step', 'words'), FOR_ONE_IMAGE)
def test_steps_for_one_image_are_refused(
    folders_root, modalities, step, words, split
):
    with pytest.raises(ValueError, match=words):
        NYUv2Dataset(
            str(folders_root), split, modalities, pipeline=[step, PACK]
        )


@pytest.mark.parametrize('wrapper', ['RandomChoice', 'TestTimeAug'])
def test_steps_of_steps_are_looked_into(modalities, wrapper):
    resize = {'type': 'Resize', 'scale': (7, 5)}
    step = {'type': wrapper, 'transforms': [[RESIZE], [resize]]}
    with pytest.raises(ValueError, match='use ResizeModalities'):
        complete_pipeline([step], modalities)


@pytest.mark.parametrize('pipeline', ['LoadLabel', {'type': 'LoadLabel'}, 3])
def test_what_is_no_pipeline(modalities, pipeline):
    with pytest.raises(TypeError, match='list of steps'):
        complete_pipeline(pipeline, modalities)


def test_a_step_without_type(modalities):
    with pytest.raises(KeyError, match='needs `type`'):
        complete_pipeline([{'scale': 3}], modalities)


def test_names_alone_complete_nothing(folders_root):
    with pytest.raises(TypeError, match='modalities'):
        NYUv2Dataset(str(folders_root), 'test', ['rgb'], pipeline=[PACK])

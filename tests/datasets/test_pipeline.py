from copy import deepcopy

import pytest
from mmcv.transforms import BaseTransform
from mmseg.datasets.transforms import Resize
from mmseg.registry import TRANSFORMS

from mmseg_missing.datasets import NYUv2Dataset
from mmseg_missing.datasets.pipeline import OURS, complete_pipeline

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


@pytest.mark.parametrize('name', OURS)
def test_transforms_of_one_image_are_refused(modalities, name):
    message = rf"transform '{name}' of mm\w+ in `pipeline` .* {OURS[name]}$"
    with pytest.raises(ValueError, match=message):
        complete_pipeline([LABEL, {'type': name}], modalities)
    assert OURS[name] in TRANSFORMS


def test_they_are_refused_in_steps_of_steps_and_built(modalities):
    resize = {'type': 'Resize', 'scale': (7, 5)}
    wrapped = {'type': 'RandomApply', 'transforms': [resize], 'prob': 0.5}
    for step in (
        wrapped,
        TRANSFORMS.build(resize),
        {**resize, 'type': Resize},
    ):
        with pytest.raises(ValueError, match=r"'Resize' .* ResizeModalities"):
            complete_pipeline([step], modalities)


def test_one_without_a_twin_is_refused_too(modalities):
    with pytest.raises(ValueError, match=r"'CLAHE' of mmseg .*'LoadLabel'"):
        complete_pipeline([{'type': 'CLAHE'}], modalities)


def test_transforms_of_ones_own_stay(modalities):
    class Mine(BaseTransform):
        def transform(self, results):
            return results

    mine = Mine()
    assert complete_pipeline([mine, {'type': Mine}], modalities) == [
        mine,
        {'type': Mine},
    ]


@pytest.mark.parametrize(
    ('pipeline', 'message'),
    [
        ({'type': 'LoadModalities'}, '`pipeline` takes a list'),
        ('LoadModalities', '`pipeline` takes a list'),
        ([{'prob': 0.5}], r"needs `type`.*got \{'prob': 0.5\}"),
        ([{'type': 7}], 'needs `type`'),
        ([{'type': 'RandomApply', 'transforms': 7}], 'takes a list .*got 7'),
    ],
)
def test_what_is_no_pipeline(modalities, pipeline, message):
    with pytest.raises(TypeError, match=message):
        complete_pipeline(pipeline, modalities)

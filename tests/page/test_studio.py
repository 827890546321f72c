"""What the page does, without the page."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from mmseg_missing.apis import MultiModalInferencer
from mmseg_missing.page import Studio
from mmseg_missing.page.samples import Sample

ALL = ('rgb', 'depth', 'thermal')


def test_both_predictions_are_those_of_the_inferencer(studio, load, files):
    sample = studio.scene(3)
    view = studio.look(sample, off=['depth'])
    assert view.combination == 'rgb+thermal'
    assert view.present == {'rgb': True, 'depth': False, 'thermal': True}
    given = {name: sample.frame[name] for name in ('rgb', 'thermal')}
    segment = MultiModalInferencer(
        load('tiny-ssf'), files.base, files.adapter, folds=0
    )
    [result] = segment.results([given], unrepaired=True)
    np.testing.assert_array_equal(view.repaired.mask, result.mask)
    np.testing.assert_array_equal(view.base.mask, result.unrepaired)
    assert view.changed.any()
    assert view.repaired.seconds > 0 and view.base.seconds > 0


def test_the_score_is_that_of_this_image(studio):
    sample = studio.scene(3)
    found = studio.look(sample, off=['rgb']).repaired
    known = sample.label != 255
    truth, guess = sample.label[known], found.mask[known]
    ious = [
        ((truth == k) & (guess == k)).sum()
        / ((truth == k) | (guess == k)).sum()
        for k in np.union1d(truth, guess)
    ]
    assert found.miou == pytest.approx(100 * np.mean(ious))


def test_all_sensors_are_the_base_itself(studio):
    view = studio.look(studio.scene(0))
    assert view.combination == 'rgb+depth+thermal'
    assert not view.changed.any()
    assert view.repaired.miou == view.base.miou


def test_a_fault_spoils_one_sensor_of_a_copy(studio):
    sample = studio.scene(1)
    before = {name: array.copy() for name, array in sample.frame.items()}
    views = [
        studio.look(sample, (), {'rgb': ('noise', bad)}) for bad in (1, 5)
    ]
    errors = [
        np.abs(view.frame['rgb'].astype(float) - before['rgb']).mean()
        for view in views
    ]
    assert 0 < errors[0] < errors[1]
    assert views[1].frame['rgb'].dtype == np.uint8
    assert (views[0].repaired.mask != views[1].repaired.mask).any()
    for name in ALL:
        np.testing.assert_array_equal(sample.frame[name], before[name])
    for name in ('depth', 'thermal'):
        np.testing.assert_array_equal(views[1].frame[name], before[name])


def test_a_sensor_that_is_off_changes_nothing_by_its_fault(studio):
    look = partial(studio.look, studio.scene(1), ['rgb'])
    masks = [
        look(faults).repaired.mask for faults in ({}, {'rgb': ('fog', 5)})
    ]
    np.testing.assert_array_equal(*masks)


MISTAKES = {
    'nothing on': ({'off': ALL}, 'at least one sensor.*rgb, depth, thermal'),
    'sensor': ({'off': ['lidar']}, "sensors rgb, depth, thermal, got 'lidar'"),
    'fault': ({'faults': {'rgb': ('rust', 3)}}, "unknown fault 'rust'"),
    'severity': ({'faults': {'rgb': ('fog', 6)}}, 'severity'),
}


@pytest.mark.parametrize(('options', 'said'), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_sentences(studio, options, said):
    with pytest.raises(ValueError, match=said):
        studio.look(studio.scene(0), **options)


def test_what_a_sample_lacks_is_not_present(studio):
    whole = studio.scene(0)
    lacking = Sample('mine', {'depth': whole.frame['depth']})
    view = studio.look(lacking)
    assert view.combination == 'depth'
    assert view.repaired.miou is None
    with pytest.raises(ValueError, match=r'switch on one .* \(depth\)'):
        studio.look(lacking, off=['depth'])


def test_another_unit_is_noted(studio):
    sample = studio.scene(0)
    millimetres = {**sample.frame, 'depth': 1000 * sample.frame['depth']}
    with pytest.warns(UserWarning, match="'depth' has the mean"):
        [note] = studio.look(Sample('mm', millimetres)).notes
    assert "'depth' has the mean" in note
    assert not studio.look(sample).notes


def test_without_adapters_there_is_one_prediction(load, files):
    studio = Studio(load('tiny'), files.base)
    view = studio.look(studio.scene(0), off=['rgb'])
    assert view.base is None and studio.added == 0
    assert not view.changed.any()


def test_numbers_of_base_and_repair(studio):
    model = studio.segment.model
    [bank] = model._banks
    total = sum(p.numel() for p in model.parameters())
    rows = sum(p.numel() for p in bank.parameters())
    assert studio.size == total - rows
    # Six combinations miss something, and each has a row of its own.
    assert studio.added == rows // 6


def test_rows_that_were_never_trained_are_noted(load, files):
    studio = Studio(load('tiny-ssf'), files.base)
    with pytest.warns(UserWarning, match='never trained'):
        [note] = studio.look(studio.scene(0), off=['rgb']).notes
    assert 'not trained for depth+thermal' in note
    assert not studio.look(studio.scene(0)).notes


def test_modalities_of_one_sensor_fail_together(load, files):
    cfg = load('tiny-ssf')
    for modality in cfg.model.stack[:2]:
        modality['sensor'] = 'camera'
    studio = Studio(cfg, files.base)
    assert studio.sensors == {
        'camera': ('rgb', 'depth'),
        'thermal': ('thermal',),
    }
    with pytest.warns(UserWarning, match="'thermal' was never trained"):
        view = studio.look(studio.scene(0), off=['camera'])
    assert view.combination == 'thermal'


def test_many_users_at_once(studio):
    jobs = [
        (number, off)
        for number in range(2)
        for off in ((), ('rgb',), ('depth', 'thermal'))
    ]

    def mask(job):
        number, off = job
        return studio.look(studio.scene(number), off).repaired.mask

    alone = [mask(job) for job in jobs]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(mask, jobs * 2))
    for expected, found in zip(alone * 2, together, strict=True):
        np.testing.assert_array_equal(found, expected)

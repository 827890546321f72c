"""Measures over combinations."""

import pytest

from mmseg_missing.evaluation import (
    expected_miou,
    mean_miou,
    nested_pairs,
    recovered_fraction,
    won_back,
    worse_pairs,
    worst_combination,
)
from mmseg_missing.evaluation.measures import (
    chances,
    combination_names,
    failing,
    named_stack,
    scope,
    shares_won_back,
)

MIOU = {'rgb+depth': 60.0, 'rgb': 40.0, 'depth': 20.0}


def test_mean_and_worst():
    assert mean_miou(MIOU) == 40
    assert worst_combination(MIOU) == 'depth'
    with pytest.raises(ValueError, match='one combination or more'):
        mean_miou({})


def test_expected_by_hand():
    # p = 0.2: both 0.64, each alone 0.16, none 0.04 (never happens here).
    expected = (0.64 * 60 + 0.16 * 40 + 0.16 * 20) / 0.96
    assert expected_miou(MIOU, ['rgb', 'depth'], 0.2) == pytest.approx(
        expected
    )


def test_expected_weights_sum_to_one():
    names = ('a+b+c', 'a+b', 'a+c', 'b+c', 'a', 'b', 'c')
    same = dict.fromkeys(names, 7.0)
    for p in (0, 0.05, 0.5, 0.9):
        assert expected_miou(same, 'abc', p) == pytest.approx(7)


def test_expected_needs_every_combination_and_a_rate():
    with pytest.raises(ValueError, match='no mIoU of depth, only of rgb'):
        expected_miou({'rgb+depth': 1, 'rgb': 1}, ['rgb', 'depth'], 0.1)
    with pytest.raises(
        ValueError, match='`missing_rates` must be below 1, got 1'
    ):
        expected_miou(MIOU, ['rgb', 'depth'], 1)


def test_recovered_fraction_is_a_ratio_of_sums():
    dedicated = {'rgb': 50.0, 'depth': 21.0}
    adapted = {'rgb+depth': 60.0, 'rgb': 48.0, 'depth': 22.0}
    # (8 + 2) / (10 + 1), not the mean of 8 / 10 and 2 / 1.
    fraction = recovered_fraction(adapted, MIOU, dedicated)
    assert fraction == pytest.approx(10 / 11)


def test_recovered_fraction_refuses():
    with pytest.raises(ValueError, match='no mIoU of depth'):
        recovered_fraction({'rgb': 1}, MIOU, {'rgb': 50, 'depth': 30})
    with pytest.raises(ValueError, match=r'gap of -1\.00'):
        recovered_fraction(MIOU, MIOU, {'rgb': 39})


ADAPTED = {'rgb+depth': 60.0, 'rgb': 48.0, 'depth': 50.0}


def test_won_back_is_the_share_of_what_was_lost():
    # Lost: 20 with RGB alone, 40 with depth alone; won: 8 and 30.
    shares = shares_won_back(ADAPTED, MIOU, 'rgb+depth')
    assert shares == pytest.approx({'rgb': 8 / 20, 'depth': 30 / 40})
    # Of the means 30 and 49: (49 - 30) / (60 - 30).
    assert won_back(ADAPTED, MIOU, 'rgb+depth') == pytest.approx(19 / 30)
    assert won_back(MIOU, MIOU, 'rgb+depth') == 0
    assert won_back(ADAPTED, MIOU, 'rgb+depth', ['depth']) == 0.75


def test_what_cannot_be_won_back():
    with pytest.raises(ValueError, match=r'no mIoU of rgb\+depth'):
        won_back({'rgb': 1.0}, {'rgb': 1.0}, 'rgb+depth')
    better = {**MIOU, 'rgb': 61.0}
    assert won_back(better, better, 'rgb+depth', ['rgb']) is None
    assert shares_won_back(ADAPTED, better, 'rgb+depth') == {'depth': 0.75}


def test_pairs_of_which_the_larger_is_worse():
    miou = {'a+b+c': 9.0, 'a+b': 5.0, 'b+c': 8.0, 'a': 7.0, 'b': 8.5}
    pairs = nested_pairs(dict.fromkeys(miou, 5))
    assert pairs == [
        *(('a+b+c', name) for name in ('a+b', 'b+c', 'a', 'b')),
        *(('a+b', 'a'), ('a+b', 'b'), ('b+c', 'b')),
    ]
    assert worse_pairs(miou, pairs) == [
        ('a+b', 'b', 3.5),
        ('a+b', 'a', 2.0),
        ('b+c', 'b', 0.5),
    ]
    assert worse_pairs(MIOU, [('rgb+depth', 'rgb')]) == []
    assert (
        nested_pairs({'ab+c': 5, 'a': 5, 'b': 5}) == []
    )  # names, not letters


# rgb and aolp are one camera's.
CAMERA = named_stack(['rgb', 'aolp', 'nir'], ['camera', 'camera', 'nir'])


def test_sensors_fail_and_not_modalities():
    miou = {'rgb+aolp+nir': 60.0, 'rgb+aolp': 40.0, 'nir': 20.0}
    assert combination_names(CAMERA) == tuple(miou)
    # As two modalities do: both 0.64, each alone 0.16, none 0.04.
    expected = (0.64 * 60 + 0.16 * 40 + 0.16 * 20) / 0.96
    assert expected_miou(miou, CAMERA, 0.2) == pytest.approx(expected)
    # What cannot occur does not count, even if it was scored.
    assert expected_miou(
        {**miou, 'rgb+nir': 0.0}, CAMERA, 0.2
    ) == pytest.approx(expected)


def test_chances_of_what_is_left():
    left = chances(named_stack('abc'), 0.25)
    assert left['a+b'] == pytest.approx(0.25 * 0.75**2)
    assert left['c'] == pytest.approx(0.25**2 * 0.75)
    assert sum(left.values()) == pytest.approx(1 - 0.25**3)


def test_scope_of_what_was_scored():
    every = CAMERA.combinations()
    assert scope(CAMERA.apart(), CAMERA.subsets()) == ''
    assert scope(CAMERA, every) == scope(CAMERA, ['nir']) == 'whole sensors'
    assert scope(CAMERA, CAMERA.subsets()) == 'all subsets'
    assert scope(CAMERA, [*every, 'rgb']) == 'sensors split'
    assert failing(CAMERA, every) == CAMERA
    assert failing(CAMERA, [*every, 'rgb']) == CAMERA
    assert failing(CAMERA, CAMERA.subsets()) == CAMERA.apart()


def test_one_sensor_for_each_modality():
    with pytest.raises(ValueError, match=r'each of rgb\+nir, got \[.camera'):
        named_stack(['rgb', 'nir'], ['camera'])

"""Measures over combinations."""

import pytest

from mmseg_missing.evaluation import (
    expected_miou,
    mean_miou,
    recovered_fraction,
    worst_combination,
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
    with pytest.raises(ValueError, match=r'\[0, 1\), got 1'):
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

from functools import reduce
from operator import add

import numpy as np
import pytest

from mmseg_missing.datasets.checks import ChannelStatistics

SIZES = [(5, 7), (1, 1), (3, 11), (2, 2)]


def images(kind):
    rng = np.random.default_rng(0)
    for number, size in enumerate(SIZES):
        if kind == 'uint8':
            yield rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        else:  # far from zero, where sums of squares would cancel
            x = rng.normal(number, [1, 2, 3], (*size, 3))
            yield (x + 1e8).astype(np.float64)


@pytest.mark.parametrize('kind', ['uint8', 'far'])
def test_like_numpy_on_all_pixels(kind):
    parts = list(images(kind))
    pixels = np.concatenate([x.reshape(-1, 3) for x in parts])
    found = reduce(add, map(ChannelStatistics.of, parts))
    assert (found.count == len(pixels)).all()
    exact = pixels.astype(np.longdouble)
    np.testing.assert_allclose(found.mean, exact.mean(0), rtol=1e-15)
    np.testing.assert_allclose(found.std, exact.std(0), rtol=1e-7)
    np.testing.assert_array_equal(found.low, pixels.min(0))
    np.testing.assert_array_equal(found.high, pixels.max(0))


def test_order_does_not_matter():
    a, b, c, d = map(ChannelStatistics.of, images('uint8'))
    one, other = (a + b) + (c + d), d + (c + (b + a))
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-14)
    np.testing.assert_allclose(one.std, other.std, rtol=1e-14)


def test_worked_by_hand():
    zeros, ones = np.zeros((1, 3, 1)), np.ones((1, 1, 1))
    found = ChannelStatistics.of(zeros) + ChannelStatistics.of(ones)
    assert found.mean == 0.25 and found.std == pytest.approx(0.75**0.5 / 2)


def test_the_image_stays_as_it_is():
    image = np.arange(6.0).reshape(1, 6, 1)
    ChannelStatistics.of(image)
    np.testing.assert_array_equal(image.ravel(), np.arange(6.0))


def test_pixels_without_a_value_count_nowhere():
    image = np.array([[[1.0, 5.0], [np.nan, 7.0], [4.0, np.nan]]])
    found = ChannelStatistics.of(image)
    assert found.count.tolist() == [2, 2]
    assert found.mean.tolist() == [2.5, 6] and found.std.tolist() == [1.5, 1]
    assert found.low.tolist() == [1, 5] and found.high.tolist() == [4, 7]
    nothing = ChannelStatistics.of(np.full((2, 2, 2), np.nan))
    np.testing.assert_array_equal((found + nothing).mean, found.mean)
    np.testing.assert_array_equal((nothing + found).std, found.std)
    np.testing.assert_array_equal((found + nothing).next_low, [4, 7])


def test_the_value_beside_the_extreme():
    a = ChannelStatistics.of(np.array([[[-9999.0], [1.0], [2.0]]]))
    b = ChannelStatistics.of(np.array([[[-9999.0], [0.5], [7.0]]]))
    assert a.next_low == 1 and (a + b).next_low == 0.5
    assert (a + b).low == -9999 and (a + b).next_high == 2

import numpy as np
import pytest
from mmseg.datasets.transforms import PhotoMetricDistortion

from mmseg_missing.datasets.transforms import RGBPhotoMetricDistortion


def test_only_rgb_changes(sample):
    depth = sample['modalities']['depth'].copy()
    rgb = sample['modalities']['rgb'].copy()
    np.random.seed(0)
    given = {**sample}
    out = RGBPhotoMetricDistortion()(sample)
    assert out['modalities']['rgb'].dtype == np.uint8
    assert (out['modalities']['rgb'] != rgb).any()
    np.testing.assert_array_equal(out['modalities']['depth'], depth)
    np.testing.assert_array_equal(given['modalities']['rgb'], rgb)


def test_is_the_distortion_of_mmsegmentation(sample):
    """Which works on BGR, and draws from NumPy's global state."""
    rgb = np.random.default_rng(0).integers(0, 256, (41, 43, 3), np.uint8)
    for seed in range(19):
        np.random.seed(seed)
        bgr = rgb[..., ::-1].copy()
        expected = PhotoMetricDistortion().transform({'img': bgr})['img']
        np.random.seed(seed)
        sample['modalities']['rgb'] = rgb
        out = RGBPhotoMetricDistortion()(sample)['modalities']['rgb']
        np.testing.assert_array_equal(out, expected[..., ::-1])


def test_float_values_are_taken_as_8_bit(sample):
    rgb = sample['modalities']['rgb']
    still = RGBPhotoMetricDistortion('rgb', 0, (1, 1), (1, 1), 1)
    sample['modalities']['rgb'] = rgb + np.float32(0.3)
    np.random.seed(0)
    out = still(sample)['modalities']['rgb']
    # Through HSV and back a grey value may move by one.
    np.testing.assert_allclose(out, rgb, atol=1)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'brightness_delta': -1}, 'brightness_delta` must be at least 0'),
        ({'hue_delta': 1.5}, 'hue_delta` takes a whole number'),
        ({'contrast_range': 0.5}, 'contrast_range` takes a list'),
        ({'saturation_range': (1.5, 0.5)}, 'smallest, largest'),
    ],
)
def test_options_are_checked(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        RGBPhotoMetricDistortion(**options)


def test_a_hue_that_stays():
    distort = RGBPhotoMetricDistortion(hue_delta=0)
    rgb = np.zeros((5, 7, 3), np.uint8)
    for _ in range(9):
        distort({'modalities': {'rgb': rgb}})


def test_a_modality_that_is_not_there():
    with pytest.raises(KeyError, match=r"\['rgb'\], but .*depth"):
        RGBPhotoMetricDistortion()({'modalities': {'depth': None}})

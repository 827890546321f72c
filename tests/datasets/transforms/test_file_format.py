import cv2
import numpy as np
import pytest
import tifffile

from mmseg_missing.datasets.transforms.file_format import (
    check_format,
    load_modality,
)
from mmseg_missing.modality import Modality

H, W = 5, 7
RAMP = np.arange(H * W, dtype=np.uint8).reshape(H, W)


@pytest.fixture
def write(tmp_path):
    def write(name, array):
        path = str(tmp_path / name)
        if name.endswith('.npy'):
            np.save(path, array)
        else:
            assert cv2.imwrite(path, array)
        return path

    return write


def test_scale_per_dtype(write):
    form = {'scale': {'uint8': 1, 'uint16': 1 / 257}}
    files = [
        write('a.png', RAMP),
        write('b.png', RAMP.astype(np.uint16) * 257),
    ]
    gray = Modality('nir', channels=1)
    small, deep = (load_modality([f], gray, form) for f in files)
    assert small.dtype == np.uint8 and deep.dtype == np.float32
    np.testing.assert_allclose(deep, small, rtol=1e-6)
    message = r"c\.npy' holds float32, .* declared as uint8 or uint16"
    with pytest.raises(ValueError, match=message):
        load_modality([write('c.npy', np.float32(RAMP))], gray, form)


def test_files_are_stacked_in_order(write):
    files = [write(f'{i}.npy', np.float32(RAMP + i)) for i in range(2)]
    pair = load_modality(files, Modality('aolp', 2), {'dtype': 'float32'})
    assert pair.shape == (H, W, 2)
    np.testing.assert_array_equal(pair[..., 1], pair[..., 0] + 1)


@pytest.mark.parametrize('channels', [1, 3, 4])
def test_rgb_of_any_image(write, channels):
    image = np.dstack([RAMP + i for i in range(channels)]).squeeze()
    path = write('a.png', image)
    rgb = load_modality([path], Modality('rgb'), {'channels': 'rgb'})
    assert rgb.shape == (H, W, 3)
    shift = [0, 0, 0] if channels == 1 else [2, 1, 0]
    np.testing.assert_array_equal(rgb, RAMP[..., None] + np.uint8(shift))


def test_another_size_is_brought_to_the_size(write):
    path = write('a.png', RAMP)
    wanted = {'size': (2 * H, 2 * W)}
    large = load_modality([path], Modality('event', 1), wanted)
    np.testing.assert_array_equal(
        large[..., 0], RAMP.repeat(2, 0).repeat(2, 1)
    )
    same = load_modality([path], Modality('event', 1), {'size': (H, W)})
    np.testing.assert_array_equal(same[..., 0], RAMP)


def test_columns(write):
    array = load_modality(
        [write('a.png', RAMP)], Modality('nir', 1), {}, columns=(2, 6)
    )
    np.testing.assert_array_equal(array[..., 0], RAMP[:, 2:6])


@pytest.mark.parametrize('channels', [[], [-1], 'bgr'])
def test_channels_that_cannot_be(channels):
    with pytest.raises(ValueError, match=r"`channels` .*'rgb' or list .*got"):
        check_format('rgb', {'channels': channels})


@pytest.mark.parametrize('form', [{'dtype': 'u9'}, {'scale': {'u9': 1}}])
def test_unknown_dtype(form):
    with pytest.raises(TypeError, match='u9'):
        check_format('rgb', form)


THERMAL = Modality('thermal', 1, mean=(20.5,), std=(3.0,))


@pytest.mark.parametrize(
    ('dtype', 'value'),
    [
        ('float32', -9999),
        ('float32', -3.4028234663852886e38),
        ('float32', -9999.1),
        ('float32', np.nan),
        ('float64', -1.7976931348623157e308),
        ('float16', np.inf),
        ('int16', -32768),
        ('uint16', 65535),
        ('uint8', 0),
    ],
)
def test_pixels_without_a_value_become_the_mean(write, dtype, value):
    raw = (RAMP + 1).astype(dtype)
    raw[1, 2:5] = value
    form = {'dtype': dtype, 'nodata': value, 'scale': 0.5, 'offset': 3}
    array = load_modality([write('a.npy', raw)], THERMAL, form)
    assert array.dtype == np.float32
    assert (array[1, 2:5] == 20.5).all()
    hole = array == 20.5
    expected = (RAMP + 1) * 0.5 + 3
    np.testing.assert_array_equal(array[~hole], expected[~hole[..., 0]])


def test_several_values_and_one_mean_per_channel(write):
    raw = np.dstack([RAMP, RAMP + 100]).astype(np.float32)
    raw[0, 0] = -1, np.nan
    pair = Modality('sar', 2, mean=(7.25, 9.5))
    form = {'dtype': 'float32', 'nodata': [-1, 'nan']}
    array = load_modality([write('a.npy', raw)], pair, form)
    np.testing.assert_array_equal(array[0, 0], (7.25, 9.5))
    np.testing.assert_array_equal(array[1:], raw[1:])


def test_bytes_stay_bytes_without_nodata(write):
    path = write('a.png', RAMP)
    assert load_modality([path], THERMAL, {}).dtype == np.uint8
    array = load_modality([path], THERMAL, {'nodata': 200})
    assert array.dtype == np.float32  # whether or not one is there


def test_encoded_pixels_without_a_value_become_the_mean(write):
    raw = (RAMP + 1).astype(np.uint16) * 1000
    raw[1, 2], raw[3, 3] = 0, 65535
    disparity = Modality('disparity', 1, mean=(0.25,))
    form = {
        'dtype': 'uint16',
        'scale': 0.001,
        'nodata': [0, 65535],
        'encode': {'encoding': 'disparity'},
    }
    array = load_modality([write('a.npy', raw)], disparity, form)
    assert array[1, 2] == array[3, 3] == 0.25
    np.testing.assert_allclose(array[0, :, 0], 1 / (RAMP[0] + 1.0), rtol=1e-5)


@pytest.mark.parametrize(
    ('dtype', 'value', 'scale'),
    [
        ('float32', np.nan, 1),
        ('float32', -np.inf, 1),
        ('float32', -3.4028234663852886e38, 1),
        ('float32', -3.4e38, 1000),
        ('float64', 1e300, 1),
        ('float16', np.inf, 1),
    ],
)
def test_what_float32_cannot_hold_is_refused(write, dtype, value, scale):
    raw = RAMP.astype(dtype)
    raw[1, 2] = value
    form = {'dtype': dtype, 'scale': scale}
    with pytest.raises(ValueError, match=r"a\.npy.*'thermal'.*nodata="):
        load_modality([write('a.npy', raw)], THERMAL, form)


@pytest.mark.parametrize('dtype', ['int32', 'bool', 'float16', 'int64'])
def test_any_dtype_is_brought_to_the_size(write, dtype):
    form = {'dtype': dtype, 'size': (H * 2, W * 3)}
    raw = RAMP.astype(dtype)
    array = load_modality([write('a.npy', raw)], THERMAL, form)
    expected = raw.repeat(2, 0).repeat(3, 1)
    np.testing.assert_array_equal(array[..., 0], expected)


@pytest.mark.parametrize('dtype', ['>u2', '<u2', 'u2'])
def test_byte_order_does_not_matter(write, dtype):
    path = write('a.npy', RAMP.astype('>u2'))
    array = load_modality([path], THERMAL, {'dtype': dtype})
    np.testing.assert_array_equal(array[..., 0], RAMP)


@pytest.mark.parametrize(
    ('form', 'words'),
    [
        ({'dtype': None}, '`dtype` of a format'),
        ({'dtype': 'complex64'}, 'real numbers'),
        ({'scale': '1'}, r'formats\.depth\.scale` takes a number'),
        ({'scale': float('nan')}, r'formats\.depth\.scale` takes a finite'),
        ({'scale': 0}, 'scale` must not be 0'),
        ({'scale': {'uint8': None}}, r'formats\.depth\.scale'),
        ({'offset': [1]}, r'formats\.depth\.offset` takes a number'),
        ({'nodata': 'none'}, r'formats\.depth\.nodata` takes'),
        ({'nodata': [0, None]}, r'formats\.depth\.nodata` takes'),
        ({'nodata': True}, r'formats\.depth\.nodata` takes'),
        ({'size': 480}, r'formats\.depth\.size` takes a list'),
        ({'size': (480, 0)}, r'formats\.depth\.size` must be at least 1'),
        ({'size': (4, 5, 6)}, r'formats\.depth\.size` takes \(height'),
        ({'encode': 'hha'}, r'formats\.depth\.encode` takes a dict'),
        ({'encode': {'camera': 'nyuv2'}}, 'needs `encoding`'),
        ({'encode': {'encoding': 'hha', 'kamera': 1}}, 'takes a dict of'),
        ({'channels': 3}, r'`channels` .* got 3'),
        ({'channels': [1.5]}, r'`channels` .* got \[1\.5\]'),
    ],
)
def test_formats_that_cannot_work(form, words):
    with pytest.raises((TypeError, ValueError), match=words):
        check_format('depth', form)


@pytest.mark.parametrize('dtype', ['uint8', 'float32'])
def test_a_tiff_that_declares_its_nodata(tmp_path, dtype):
    tag = (42113, 's', 0, '9', True)
    path = str(tmp_path / 'a.tif')
    tifffile.imwrite(path, RAMP.astype(dtype), extratags=[tag])
    with pytest.raises(ValueError, match=r"a\.tif' says that 9 .*nodata=9\)"):
        load_modality([path], THERMAL, {'dtype': dtype})
    taken = load_modality([path], THERMAL, {'dtype': dtype, 'nodata': []})
    np.testing.assert_array_equal(taken[..., 0], RAMP)
    array = load_modality([path], THERMAL, {'dtype': dtype, 'nodata': 9})
    np.testing.assert_array_equal(
        array[..., 0], np.where(RAMP == 9, 20.5, RAMP)
    )
    tifffile.imwrite(path, RAMP.astype(dtype) + 10, extratags=[tag])
    load_modality([path], THERMAL, {'dtype': dtype})  # none is there

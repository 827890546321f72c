import cv2
import numpy as np
import pytest

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

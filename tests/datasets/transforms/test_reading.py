import cv2
import numpy as np
import pytest

from mmseg_missing.datasets.transforms.reading import read_array

RNG = np.random.default_rng(0)
IMAGES = {
    'grey.png': RNG.integers(0, 256, (37, 41), dtype=np.uint8),
    'deep.png': RNG.integers(0, 65536, (37, 41), dtype=np.uint16),
    'rgb.png': RNG.integers(0, 256, (37, 41, 3), dtype=np.uint8),
    'deep_rgb.png': RNG.integers(0, 65536, (37, 41, 3), dtype=np.uint16),
    'rgba.png': RNG.integers(0, 256, (37, 41, 4), dtype=np.uint8),
    'grey.tiff': RNG.integers(0, 256, (37, 41), dtype=np.uint8),
    'deep.tiff': RNG.integers(0, 65536, (37, 41), dtype=np.uint16),
    'float.tiff': RNG.random((37, 41), dtype=np.float32),
}


def write(path, rgb):
    """Write with OpenCV, which wants BGR or BGRA."""
    if rgb.ndim == 3:
        rgb = rgb[..., [2, 1, 0, *range(3, rgb.shape[2])]]
    assert cv2.imwrite(str(path), np.ascontiguousarray(rgb))


@pytest.mark.parametrize('name', IMAGES)
def test_lossless_images_come_back_unchanged(tmp_path, name):
    write(tmp_path / name, IMAGES[name])
    array = read_array(tmp_path / name)
    assert array.dtype == IMAGES[name].dtype
    expected = IMAGES[name].reshape(37, 41, -1)
    np.testing.assert_array_equal(array, expected)


def test_jpg_is_in_rgb_order(tmp_path):
    write(tmp_path / 'a.jpg', np.full((7, 5, 3), (250, 100, 10), np.uint8))
    array = read_array(tmp_path / 'a.jpg')
    # JPEG is lossy, but a flat colour stays within two steps.
    np.testing.assert_allclose(array[3, 2], (250, 100, 10), atol=2)


@pytest.mark.parametrize('shape', [(5, 7), (5, 7, 2)])
@pytest.mark.parametrize('dtype', ['float32', 'float64', 'uint16'])
def test_npy_comes_back_unchanged(tmp_path, shape, dtype):
    values = (RNG.random(shape) * 99).astype(dtype)
    np.save(tmp_path / 'a.npy', values)
    array = read_array(tmp_path / 'a.npy')
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, values.reshape(5, 7, -1))


@pytest.mark.parametrize('part', [0, 0.3, 0.97])
@pytest.mark.parametrize('suffix', ['png', 'jpg', 'tiff', 'npy'])
def test_truncated_file_is_named(tmp_path, suffix, part):
    path = tmp_path / f'cut.{suffix}'
    if suffix == 'npy':
        np.save(path, IMAGES['rgb.png'])
    else:
        write(path, IMAGES['rgb.png'])
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ValueError, match=rf'cut\.{suffix}.* truncated'):
        read_array(path)


def test_pickled_npy_is_refused(tmp_path):
    np.save(tmp_path / 'a.npy', np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match=r'a\.npy.* decoded'):
        read_array(tmp_path / 'a.npy')


def test_text_is_no_image(tmp_path):
    (tmp_path / 'a.png').write_text('hello')
    with pytest.raises(ValueError, match=r'a\.png'):
        read_array(tmp_path / 'a.png')


def test_npy_of_one_axis_is_refused(tmp_path):
    np.save(tmp_path / 'a.npy', np.zeros(7))
    with pytest.raises(ValueError, match=r'shape \(7,\)'):
        read_array(tmp_path / 'a.npy')


def test_absent_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none\.png.*data_root'):
        read_array(tmp_path / 'none.png')

import io

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from mmseg_missing.datasets.transforms.reading import (
    nodata_of,
    orientation_of,
    pixels_of,
    read_array,
    read_label,
)

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


@pytest.mark.parametrize('name', IMAGES)
def test_pixels_are_counted_without_decoding(tmp_path, name):
    path = tmp_path / name
    write(path, IMAGES[name])
    assert pixels_of(path) == 37 * 41
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=name):
        read_array(path)
    assert pixels_of(path) in (0, 37 * 41)


def test_pixels_that_no_image_has(tmp_path):
    """Such a file asks for more memory than there is."""
    header = tmp_path / 'a.bmp'
    Image.new('1', (9, 9)).save(header)
    data = bytearray(header.read_bytes())
    data[18:26] = np.array([60000, 60000], '<i4').tobytes()
    header.write_bytes(data)
    assert pixels_of(header) > 10**8
    header.write_text('no image')
    assert pixels_of(header) == 0


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
    with pytest.raises(ValueError, match=r'a\.npy.* Python objects'):
        read_array(tmp_path / 'a.npy')


def test_text_is_no_image(tmp_path):
    (tmp_path / 'a.png').write_text('hello')
    with pytest.raises(ValueError, match=r'a\.png'):
        read_array(tmp_path / 'a.png')


def test_npy_of_one_axis_is_refused(tmp_path):
    np.save(tmp_path / 'a.npy', np.zeros(7))
    with pytest.raises(ValueError, match=r'shape \(7,\)'):
        read_array(tmp_path / 'a.npy')


@pytest.mark.parametrize('dtype', ['>f4', '>u2', '<f8'])
def test_npy_comes_in_the_machines_byte_order(tmp_path, dtype):
    values = RNG.random((5, 7)) * 99
    np.save(tmp_path / 'a.npy', values.astype(dtype))
    array = read_array(tmp_path / 'a.npy')
    assert array.dtype.isnative and array.dtype == np.dtype(dtype[1:])
    np.testing.assert_array_equal(array[..., 0], values.astype(dtype))


@pytest.mark.parametrize('dtype', ['complex64', 'S3', [('d', 'f4')]])
def test_npy_of_other_kinds_is_refused(tmp_path, dtype):
    np.save(tmp_path / 'a.npy', np.zeros((5, 7), dtype))
    with pytest.raises(ValueError, match=r'a\.npy.* real numbers'):
        read_array(tmp_path / 'a.npy')


def test_npy_that_promises_more_than_there_is(tmp_path):
    np.save(tmp_path / 'a.npy', np.zeros((5, 7)))
    data = (tmp_path / 'a.npy').read_bytes()
    data = data.replace(b'(5, 7)', b'(500000000, 700000)')
    (tmp_path / 'a.npy').write_bytes(data)
    with pytest.raises(ValueError, match=r'a\.npy.* (truncated|damaged)'):
        read_array(tmp_path / 'a.npy')


@pytest.mark.parametrize(
    ('first', 'words'),
    [
        (b'PK\x03\x04', 'NPZ'),
        (b'v/1\x01', 'OpenEXR'),
        (b'\x89HDF\r\n', 'HDF5'),
        (b'MATLAB 5.0 MAT-file', 'MATLAB'),
        (b'GIF89a', 'GIF'),
        (b'P4\n8 1\n\x55', 'PBM'),
        (b'hello, I am a text', 'format that is not known'),
        (b'version https://git-lfs.github.com/spec/v1', 'Git LFS'),
    ],
)
def test_other_formats_are_not_called_truncated(tmp_path, first, words):
    (tmp_path / 'a.npy').write_bytes(first)
    with pytest.raises(ValueError, match=rf'{words}.*not read.*TIFF') as error:
        read_array(tmp_path / 'a.npy')
    assert 'truncated' not in str(error.value)


@pytest.mark.parametrize('name', ['a.NPY', 'a.bin', 'a'])
def test_content_tells_the_format_not_the_suffix(tmp_path, name):
    write(tmp_path / 'a.png', IMAGES['deep.png'])
    (tmp_path / 'a.png').rename(tmp_path / name)
    array = read_array(tmp_path / name)
    np.testing.assert_array_equal(array[..., 0], IMAGES['deep.png'])


@pytest.mark.parametrize('name', ['rgb.png', 'deep_rgb.png', 'grey.png'])
def test_jpeg_2000_without_loss(tmp_path, name):
    data = imagecodecs.jpeg2k_encode(IMAGES[name], level=0, reversible=True)
    (tmp_path / 'a.jp2').write_bytes(data)
    array = read_array(tmp_path / 'a.jp2')
    np.testing.assert_array_equal(array, IMAGES[name].reshape(37, 41, -1))


@pytest.mark.parametrize(
    ('data', 'expected'),
    [
        (b'P5\n3 1\n15\n\x01\x0f\x03', [1, 15, 3]),
        (b'P5\n2 1\n1000\n\x01\x0f\x00\x03', [271, 3]),
        (b'P2\n# a word\n3 1\n3\n1 0\n2', [1, 0, 2]),
        (b'P2 2 1 # sizes\n1000 999 3\n', [999, 3]),
        (b'P3\n1 2\n3\n1 2 3 0 1 2', [1, 2, 3, 0, 1, 2]),
        (b'P6\n1 1\n3\n\x03\x01\x02', [3, 1, 2]),
        (b'Pf\n1 2\n-0.5\n\0\0\0@\0\0\x80?', [1.0, 2.0]),
        (b'PF\n1 1\n255\n?\x80\0\0@\0\0\0\0\0\0\0', [1.0, 2.0, 0.0]),
    ],
)
def test_pnm_is_as_stored(tmp_path, data, expected):
    (tmp_path / 'a.pgm').write_bytes(data)
    assert read_array(tmp_path / 'a.pgm').ravel().tolist() == expected


@pytest.mark.parametrize(
    'data',
    [
        b'P5',
        b'P5\n3 1\n15',
        b'P5\n3 1\n15\n\x01\x0f',
        b'P2\n3 1\n15\n1 2',
        b'P6\n1000000000 1000000000\n255\n123',
        b'Pf\n2 2\n-1\n1234',
        b'P2\n1 1\n15\nx',
        b'P2\n1 1\n15\n16',
        b'P5\n1 1\n0\n0',
        b'P5\n1 1\n70000\n0000',
        b'P5\n1 1\n15\n\x10',
    ],
)
def test_pnm_that_is_cut_or_wrong(tmp_path, capfd, data):
    (tmp_path / 'a.pgm').write_bytes(data)
    with pytest.raises(ValueError, match=r'truncated|damaged'):
        read_array(tmp_path / 'a.pgm')
    assert capfd.readouterr().err == ''


@pytest.mark.parametrize('how', ['jpeg2000', 'jpegxl', 'jpegxr'])
def test_a_label_in_a_lossy_tiff_is_refused(tmp_path, how):
    label = np.kron(IMAGES['grey.png'][:8, :8] % 4, np.ones((8, 8), 'u1'))
    tifffile.imwrite(tmp_path / 'a.tif', label.astype('u1'), compression=how)
    with pytest.raises(ValueError, match='loses values'):
        read_label(tmp_path / 'a.tif')


@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'RGB'])
def test_bmp(tmp_path, mode):
    image = Image.fromarray(IMAGES['grey.png']).convert(mode)
    if mode == 'P':
        image.putpalette([7, 8, 9] * 256)
    image.save(tmp_path / 'a.bmp')
    stored = np.atleast_3d(np.array(image).astype(np.uint8))
    array = read_array(tmp_path / 'a.bmp', indices=True)
    np.testing.assert_array_equal(array, stored)
    if mode == 'P':
        assert (read_array(tmp_path / 'a.bmp') == (7, 8, 9)).all()
        with pytest.raises(ValueError, match='palette=True'):
            read_label(tmp_path / 'a.bmp')


def encoded(kind, **options):
    file = io.BytesIO()
    Image.fromarray(IMAGES['rgb.png']).save(file, kind, **options)
    return file.getvalue()


LOSSY = {
    'jpeg': lambda: encoded('JPEG'),
    'webp': lambda: encoded('WEBP', quality=90),
    'tiff': lambda: encoded('TIFF', compression='jpeg'),
    'jp2': lambda: imagecodecs.jpeg2k_encode(IMAGES['rgb.png'], level=0),
}


@pytest.mark.parametrize('kind', LOSSY)
def test_labels_in_lossy_formats_are_refused(tmp_path, kind):
    (tmp_path / 'a.png').write_bytes(LOSSY[kind]())
    assert read_array(tmp_path / 'a.png').shape == (37, 41, 3)
    with pytest.raises(ValueError, match=r'a\.png.* loses.* grey PNG'):
        read_label(tmp_path / 'a.png')


def test_webp_without_loss(tmp_path):
    (tmp_path / 'a.webp').write_bytes(encoded('WEBP', lossless=True))
    label = read_label(tmp_path / 'a.webp')
    np.testing.assert_array_equal(label, IMAGES['rgb.png'])


@pytest.mark.parametrize('missing', [1, 2, 20, 500])
@pytest.mark.parametrize('kind', LOSSY)
def test_a_cut_end_is_seen(tmp_path, kind, missing):
    (tmp_path / 'a.jpg').write_bytes(LOSSY[kind]()[:-missing])
    with pytest.raises(ValueError, match=r'a\.jpg.* (truncated|damaged)'):
        read_array(tmp_path / 'a.jpg')


def test_cmyk_is_refused(tmp_path):
    image = Image.fromarray(IMAGES['rgba.png'], 'CMYK')
    image.save(tmp_path / 'a.jpg')
    with pytest.raises(ValueError, match=r'a\.jpg.* 4 channels.*save it as'):
        read_array(tmp_path / 'a.jpg')


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP', 'TIFF'])
def test_orientation_turns_nothing_but_is_told(tmp_path, kind):
    tag = Image.Exif()
    tag[0x112] = 6
    plain, turned = encoded(kind), encoded(kind, exif=tag)
    (tmp_path / 'plain').write_bytes(plain)
    (tmp_path / 'turned').write_bytes(turned)
    arrays = [read_array(tmp_path / name) for name in ('plain', 'turned')]
    np.testing.assert_array_equal(*arrays)
    assert arrays[0].shape == (37, 41, 3)
    assert orientation_of(tmp_path / 'plain') == 1
    assert orientation_of(tmp_path / 'turned') == 6


def test_orientation_of_what_is_no_image(tmp_path):
    np.save(tmp_path / 'a.npy', np.zeros((5, 7)))
    assert orientation_of(tmp_path / 'a.npy') == 1


@pytest.mark.parametrize('value', [-9999.0, -3.4028234663852886e38, np.nan])
def test_nodata_of_a_tiff_is_told(tmp_path, value):
    tag = (42113, 's', 0, repr(float(value)), True)
    tifffile.imwrite(tmp_path / 'a.tif', IMAGES['grey.png'], extratags=[tag])
    np.testing.assert_equal(nodata_of(tmp_path / 'a.tif'), value)
    write(tmp_path / 'a.png', IMAGES['grey.png'])
    assert nodata_of(tmp_path / 'a.png') is None


def test_animated_webp_is_refused(tmp_path):
    frames = [Image.fromarray(IMAGES['rgb.png'] // k) for k in (1, 2)]
    frames[0].save(
        tmp_path / 'a.webp', save_all=True, append_images=frames[1:]
    )
    with pytest.raises(ValueError, match='animated'):
        read_array(tmp_path / 'a.webp')


def test_absent_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none\.png.*data_root'):
        read_array(tmp_path / 'none.png')

"""TIFF: the stored samples, whatever the tags say of their meaning."""

import struct

import numpy as np
import pytest
import tifffile

from mmseg_missing.datasets.transforms.reading import read_array

H, W = 37, 41
RNG = np.random.default_rng(0)


def drawn(channels, dtype):
    values = RNG.random((H, W, channels)) * 200
    return values.astype(dtype)


def write(path, array, **tags):
    """Write (H, W, C) as one page; planar where the tags say so."""
    planes = np.moveaxis(array, 2, 0)
    is_planar = tags.get('planarconfig') == 'separate'
    tifffile.imwrite(path, planes if is_planar else array, **tags)


@pytest.mark.parametrize('planar', ['contig', 'separate'])
@pytest.mark.parametrize('dtype', ['uint8', 'int16', 'uint16', 'float32'])
@pytest.mark.parametrize('channels', [2, 3, 4, 12])
def test_samples_are_as_stored(tmp_path, channels, dtype, planar):
    array = drawn(channels, dtype)
    extra = ['unspecified'] * (channels - 1)
    write(
        tmp_path / 'a.tif',
        array,
        photometric='minisblack',
        planarconfig=planar,
        extrasamples=extra,
    )
    np.testing.assert_array_equal(read_array(tmp_path / 'a.tif'), array)


@pytest.mark.parametrize('alpha', ['assocalpha', 'unassalpha', 'unspecified'])
def test_a_fourth_band_changes_no_other(tmp_path, alpha):
    array = drawn(4, 'uint8')
    write(tmp_path / 'a.tif', array, photometric='rgb', extrasamples=[alpha])
    np.testing.assert_array_equal(read_array(tmp_path / 'a.tif'), array)


@pytest.mark.parametrize('planar', ['contig', 'separate'])
def test_three_deep_bands_stay_three(tmp_path, planar):
    array = drawn(3, 'uint16') * 300
    write(tmp_path / 'a.tif', array, photometric='rgb', planarconfig=planar)
    np.testing.assert_array_equal(read_array(tmp_path / 'a.tif'), array)


@pytest.mark.parametrize(
    'tags',
    [
        {'compression': 'lzw', 'predictor': 2},
        {'compression': 'deflate', 'predictor': 2},
        {'compression': 'zstd'},
        {'compression': 'packbits'},
        {'byteorder': '>'},
        {'tile': (16, 32)},
        {'bigtiff': True},
        {'rowsperstrip': 5},
    ],
    ids=str,
)
@pytest.mark.parametrize('dtype', ['uint8', 'uint16'])
def test_compressed_tiled_or_swapped(tmp_path, dtype, tags):
    array = drawn(3, dtype)
    write(tmp_path / 'a.tif', array, photometric='rgb', **tags)
    result = read_array(tmp_path / 'a.tif')
    assert result.dtype == dtype and result.dtype.isnative
    np.testing.assert_array_equal(result, array)


@pytest.mark.parametrize('compression', ['lzw', 'deflate'])
def test_predictor_of_floats(tmp_path, compression):
    array = drawn(2, 'float32')
    write(
        tmp_path / 'a.tif',
        array,
        photometric='minisblack',
        planarconfig='contig',
        compression=compression,
        predictor=3,
    )
    np.testing.assert_array_equal(read_array(tmp_path / 'a.tif'), array)


def tiff_of_bits(array, bits, meaning):
    """A grey TIFF of any depth, by hand: not every version writes it."""
    rows = [''.join(f'{v:0{bits}b}' for v in row.ravel()) for row in array]
    size = -(-len(rows[0]) // 8)
    data = b''.join(
        int(row.ljust(size * 8, '0'), 2).to_bytes(size, 'big') for row in rows
    )
    tags = {256: W, 257: H, 258: bits, 259: 1, 262: meaning, 277: 1, 278: H}
    tags |= {273: 8 + 2 + 12 * 9 + 4, 279: len(data)}
    entries = b''.join(
        struct.pack('>HHII', tag, 4, 1, tags[tag]) for tag in sorted(tags)
    )
    head = b'MM\0*' + struct.pack('>IH', 8, len(tags))
    return head + entries + bytes(4) + data


@pytest.mark.parametrize('meaning', [0, 1], ids=['white', 'black'])
@pytest.mark.parametrize('bits', [1, 2, 4, 8, 12, 16])
def test_few_bits_are_not_spread(tmp_path, bits, meaning):
    array = RNG.integers(0, 2**bits, (H, W))
    (tmp_path / 'a.tif').write_bytes(tiff_of_bits(array, bits, meaning))
    result = read_array(tmp_path / 'a.tif')
    assert result.dtype == ('uint16' if bits > 8 else 'uint8')
    np.testing.assert_array_equal(result[..., 0], array)


def test_palette_gives_colours_or_indices(tmp_path):
    array = RNG.integers(0, 256, (H, W), dtype=np.uint8)
    colors = RNG.integers(0, 256, (3, 256)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / 'a.tif',
        array,
        photometric='palette',
        colormap=colors * 257,
    )
    path = tmp_path / 'a.tif'
    np.testing.assert_array_equal(read_array(path), colors.T[array])
    stored = read_array(path, indices=True)
    np.testing.assert_array_equal(stored[..., 0], array)


def test_overviews_and_masks_are_left_aside(tmp_path):
    array = drawn(3, 'uint8')
    with tifffile.TiffWriter(tmp_path / 'a.tif') as tif:
        tif.write(array, photometric='rgb')
        tif.write(array[::2, ::2], photometric='rgb', subfiletype=1)
        tif.write(array[..., 0] > 9, photometric='mask', subfiletype=4)
    np.testing.assert_array_equal(read_array(tmp_path / 'a.tif'), array)


@pytest.mark.parametrize('imagej', [True, False])
def test_several_pages_are_refused(tmp_path, imagej):
    pages = drawn(5, 'uint8').transpose(2, 0, 1)
    tifffile.imwrite(
        tmp_path / 'a.tif', pages, photometric='minisblack', imagej=imagej
    )
    with pytest.raises(ValueError, match=r'a\.tif.*5 pages; write one page'):
        read_array(tmp_path / 'a.tif')


@pytest.mark.parametrize(
    ('channels', 'dtype', 'photometric', 'words'),
    [
        (4, 'uint8', 'separated', 'SEPARATED, 4 samples'),
        (3, 'uint8', 'cielab', 'CIELAB'),
        (3, 'uint8', 'ycbcr', 'YCBCR'),
        (2, 'complex64', 'minisblack', 'COMPLEX'),
    ],
)
def test_other_meanings_are_named(
    tmp_path, channels, dtype, photometric, words
):
    write(
        tmp_path / 'a.tif',
        drawn(channels, dtype),
        photometric=photometric,
        planarconfig='contig',
    )
    with pytest.raises(ValueError, match=rf'a\.tif.*{words}.*MINISBLACK'):
        read_array(tmp_path / 'a.tif')


@pytest.mark.parametrize('compression', [None, 'lzw', 'deflate'])
@pytest.mark.parametrize('part', [0.02, 0.3, 0.9, 0.99])
@pytest.mark.parametrize('planar', ['contig', 'separate'])
def test_truncated(tmp_path, planar, part, compression):
    array = drawn(3, 'uint16')
    path = tmp_path / 'a.tif'
    write(
        path,
        array,
        photometric='rgb',
        planarconfig=planar,
        compression=compression,
        rowsperstrip=8,
    )
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ValueError, match=r'a\.tif.* (truncated|damaged)'):
        read_array(path)


@pytest.mark.parametrize(
    ('number', 'name'), [(34676, 'SGILOG'), (34887, 'LERC')]
)
def test_other_compressions_are_named(tmp_path, number, name):
    path = tmp_path / 'a.tif'
    write(path, drawn(1, 'uint8'), photometric='minisblack')
    with tifffile.TiffFile(path, mode='r+') as tif:
        tif.pages[0].tags['Compression'].overwrite(number)
    with pytest.raises(ValueError, match=rf'{name}.*LZW or deflate'):
        read_array(path)


def test_a_tag_cannot_ask_for_all_memory(tmp_path):
    path = tmp_path / 'a.tif'
    write(path, drawn(1, 'uint8'), photometric='minisblack', tile=(16, 16))
    with tifffile.TiffFile(path, mode='r+') as tif:
        for name in ('ImageWidth', 'ImageLength'):
            tif.pages[0].tags[name].overwrite(60_000)
    with pytest.raises(ValueError, match=r'a\.tif.* is damaged'):
        read_array(path)


def test_a_file_that_is_cut_between_pages(tmp_path):
    pages = np.moveaxis(drawn(2, 'uint8'), 2, 0)
    tifffile.imwrite(tmp_path / 'a.tif', pages, photometric='minisblack')
    data = (tmp_path / 'a.tif').read_bytes()
    with tifffile.TiffFile(tmp_path / 'a.tif') as tif:
        second = tif.pages[1].offset
    (tmp_path / 'a.tif').write_bytes(data[:second])
    with pytest.raises(ValueError, match='truncated'):
        read_array(tmp_path / 'a.tif')

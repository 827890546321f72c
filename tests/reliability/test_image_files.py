"""Hostile image files: read as they were written, or one sentence."""

import io
import itertools
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from mmseg_missing.datasets.transforms import LoadLabel
from mmseg_missing.datasets.transforms.file_format import load_modality
from mmseg_missing.datasets.transforms.reading import read_array
from mmseg_missing.modality import Modality

SEED = 0
ERROR = 6  # mean difference of what lost something, of 255
H, W = 37, 41
SENTENCES = (ValueError, TypeError, FileNotFoundError)
pytestmark = pytest.mark.slow


def drawn(rng, channels, dtype):
    if np.dtype(dtype).kind in 'iu':
        top = min(np.iinfo(dtype).max, 60_000)
        return rng.integers(0, top, (H, W, channels)).astype(dtype)
    return (rng.random((H, W, channels)) * 99).astype(dtype)


def tiff(array, **tags):
    file = io.BytesIO()
    if tags.get('planarconfig') == 'separate':
        array = np.moveaxis(array, 2, 0)
    tifffile.imwrite(file, array, **tags)
    return file.getvalue()


def pillow(array, kind, mode=None, **options):
    file = io.BytesIO()
    image = Image.fromarray(array.squeeze())
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def png(array, color_type, bits, more=None):
    """A PNG of any depth, by hand, with more chunks before its pixels."""
    rows = [''.join(f'{v:0{bits}b}' for v in row.ravel()) for row in array]
    size = -(-len(rows[0]) // 8)
    rows = [int(r.ljust(size * 8, '0'), 2).to_bytes(size, 'big') for r in rows]
    head = struct.pack('>IIBBBBB', W, H, bits, color_type, 0, 0, 0)
    parts = {
        b'IHDR': head,
        **(more or {}),
        b'IDAT': zlib.compress(b''.join(b'\0' + row for row in rows)),
        b'IEND': b'',
    }
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(part))
        + name
        + part
        + struct.pack('>I', zlib.crc32(name + part))
        for name, part in parts.items()
    )


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


def tiff_layouts(rng):
    """TIFFs whose samples must come back: name, file, array."""
    kinds = itertools.product(
        (1, 2, 3, 4, 5, 12),
        ('uint8', 'int8', 'uint16', 'int32', 'float32', 'float64'),
        ('contig', 'separate'),
        (None, 'lzw', 'deflate'),
    )
    for channels, dtype, planar, compression in kinds:
        array = drawn(rng, channels, dtype)
        predictor = None
        if compression:
            predictor = 3 if dtype.startswith('float') else 2
        tags = {
            'photometric': 'minisblack',
            'planarconfig': planar if channels > 1 else None,
            'compression': compression,
            'predictor': predictor,
            'byteorder': rng.choice(['<', '>']),
            'bigtiff': bool(rng.integers(2)),
            'tile': (16, 32) if rng.integers(2) else None,
        }
        stored = array if channels > 1 else array[..., 0]
        yield f'tiff {channels} {tags}', tiff(stored, **tags), array


def tiff_colours(rng):
    kinds = itertools.product(
        ('uint8', 'uint16', 'float32'),
        ('contig', 'separate'),
        ([], ['assocalpha'], ['unassalpha'], ['unspecified'] * 2),
    )
    for dtype, planar, extra in kinds:
        array = drawn(rng, 3 + len(extra), dtype)
        tags = {
            'photometric': 'rgb',
            'planarconfig': planar,
            'extrasamples': extra,
        }
        yield f'tiff {dtype} {tags}', tiff(array, **tags), array


def few_bits(rng):
    for bits, color_type in [
        *((b, 0) for b in (1, 2, 4, 8, 16)),
        *((b, t) for b in (8, 16) for t in (2, 4, 6)),
    ]:
        channels = {0: 1, 2: 3, 4: 2, 6: 4}[color_type]
        array = rng.integers(0, 2**bits, (H, W, channels))
        array = array.astype('u1' if bits <= 8 else 'u2')
        name = f'png type {color_type}, {bits} bits'
        yield name, png(array, color_type, bits), array
    for bits, meaning in itertools.product((1, 2, 4, 8, 12, 16), (0, 1)):
        array = rng.integers(0, 2**bits, (H, W, 1))
        array = array.astype('u1' if bits <= 8 else 'u2')
        data = tiff_of_bits(array, bits, meaning)
        yield f'tiff {bits} bits, photometric {meaning}', data, array


def others(rng):
    rgb = drawn(rng, 3, 'uint8')
    tag = Image.Exif()
    tag[0x112] = 6
    yield 'png turned', pillow(rgb, 'PNG', exif=tag), rgb
    yield 'tiff turned', pillow(rgb, 'TIFF', exif=tag), rgb
    yield 'webp', pillow(rgb, 'WEBP', lossless=True, exif=tag), rgb
    yield 'bmp', pillow(rgb, 'BMP'), rgb
    yield 'ppm', pillow(rgb, 'PPM'), rgb
    jp2 = imagecodecs.jpeg2k_encode(rgb, level=0, reversible=True)
    yield 'jp2', jp2, rgb
    for dtype in ('bool', '>u2', '>f4', 'f2', 'i8', 'u8', '>f8'):
        array = drawn(rng, 2, 'uint8').astype(dtype)
        yield f'npy {dtype}', npy(array), array
        yield f'npy {dtype}, Fortran', npy(np.asfortranarray(array)), array


def palettes(rng):
    table = drawn(rng, 3, 'uint8').reshape(-1, 3)
    for bits in (1, 2, 4, 8):
        array = rng.integers(0, 2**bits, (H, W, 1)).astype('u1')
        shown = {b'PLTE': table[: 2**bits].tobytes()}
        colors = table[array[..., 0]]
        yield f'png palette {bits}', png(array, 3, bits, shown), colors
        shown[b'tRNS'] = b'\0\x80'
        yield f'png clear palette {bits}', png(array, 3, bits, shown), colors
    array, wide = drawn(rng, 1, 'uint8'), drawn(rng, 3, 'uint16')
    wide = wide.reshape(-1, 3)[:256]
    data = tiff(array[..., 0], photometric='palette', colormap=wide.T)
    yield 'tiff palette', data, (wide >> 8).astype('u1')[array[..., 0]]
    for color_type, channels in ((0, 1), (2, 3)):
        array = drawn(rng, channels, 'uint8')
        clear = {b'tRNS': array[3, 3].astype('>u2').tobytes()}
        name = f'png type {color_type} with a clear colour'
        yield name, png(array, color_type, 8, clear), array


def compressions(rng):
    array = drawn(rng, 3, 'uint16')
    for tags in (
        {'compression': 'packbits'},
        {'compression': 'zstd'},
        {'compression': 'lzma'},
        {'tile': (16, 32)},
        {'rowsperstrip': 5},
        {'extratags': [(274, 'H', 1, 6, True)]},
    ):
        yield f'tiff {tags}', tiff(array, photometric='rgb', **tags), array
    for channels, dtype in itertools.product((1, 3), ('uint8', 'uint16')):
        array = drawn(rng, channels, dtype)
        data = imagecodecs.jpeg2k_encode(array.squeeze(), level=0)
        yield f'jp2 {channels} {dtype}', bytes(data), array
    array = drawn(rng, 1, 'uint8')
    data = tiff(array, photometric='minisblack', volumetric=True)
    yield 'tiff volume of one slice', data, array


def plain(rng):
    """Formats without any compression."""
    grey, bits = drawn(rng, 1, 'uint8'), rng.integers(0, 2, (H, W, 1))
    bits = bits.astype('u1')
    yield 'bmp grey', pillow(grey, 'BMP'), grey
    yield 'bmp 1', pillow(bits * 255, 'BMP', '1'), bits
    for dtype, top in (('uint8', 255), ('uint16', 65535)):
        for kind, channels in (('P5', 1), ('P6', 3)):
            array = drawn(rng, channels, dtype)
            stored = array.astype(array.dtype.newbyteorder('>')).tobytes()
            head = f'{kind}\n{W} {H}\n{top}\n'.encode()
            yield f'{kind} {top}', head + stored, array
    for kind, channels in (('Pf', 1), ('PF', 3)):
        array = drawn(rng, channels, 'float32')
        stored = array[::-1].astype('<f4').tobytes()
        yield kind, f'{kind}\n{W} {H}\n-1.0\n'.encode() + stored, array


def lossy(rng):
    y, x = np.mgrid[:H, :W]
    planes = [2 * x + 40 + 20 * c + y for c in range(3)]
    rgb = np.stack(planes, -1).astype(np.uint8)
    tag = Image.Exif()
    tag[0x112] = 6
    for array in (rgb, rgb[..., :1]):
        for options in ({}, {'progressive': True}, {'exif': tag}):
            name = f'jpeg {array.shape[2]} {list(options)}'
            yield name, pillow(array, 'JPEG', **options), array
    yield 'webp', pillow(rgb, 'WEBP', quality=95), rgb
    yield 'tiff jpeg', pillow(rgb, 'TIFF', compression='jpeg'), rgb


def count_read(outcomes, path, name, data, expected, error_of=0):
    """Count one file that must come back, or one sentence of it."""
    path.write_bytes(data)
    try:
        array = read_array(path)
    except SENTENCES as error:
        is_told = str(path) in str(error) and len(str(error)) > 40
        outcomes.add('sentence' if is_told else 'traceback', (name, error))
    except Exception as error:  # the very thing that is counted
        outcomes.add('traceback', (name, error))
    else:
        same = expected is not None and is_same(array, expected, error_of)
        outcomes.add('right' if same else 'silent', name)


def is_same(array, expected, error_of=0):
    """Say whether shape, dtype and values are, these up to a mean error."""
    native = expected.dtype.newbyteorder('=')
    if array.shape != expected.shape or array.dtype != native:
        return False
    if not error_of:
        return np.array_equal(array, expected)
    return np.abs(array.astype(float) - expected).mean() < error_of


EXACT = (
    tiff_layouts,
    tiff_colours,
    few_bits,
    others,
    palettes,
    compressions,
    plain,
)


def test_layouts_of_image_files(tmp_path, outcomes):
    rng = np.random.default_rng(SEED)
    for make in EXACT:
        for name, data, expected in make(rng):
            count_read(outcomes, tmp_path / 'a', name, data, expected)
    for name, data, expected in lossy(rng):
        count_read(outcomes, tmp_path / 'a', name, data, expected, ERROR)
    assert outcomes.counts.total() > 300
    assert outcomes.counts['right'] == outcomes.counts.total()


def test_cut_image_files(tmp_path, outcomes):
    """A file that ends early is a sentence, wherever it ends."""
    rng = np.random.default_rng(SEED)
    rgb = drawn(rng, 3, 'uint8')
    files = {
        'npy': npy(rgb),
        'png': pillow(rgb, 'PNG'),
        'jpg': pillow(rgb, 'JPEG'),
        'progressive': pillow(rgb, 'JPEG', progressive=True),
        'bmp': pillow(rgb, 'BMP'),
        'ppm': pillow(rgb, 'PPM'),
        'webp': pillow(rgb, 'WEBP'),
        'webp lossless': pillow(rgb, 'WEBP', lossless=True),
        'jp2': imagecodecs.jpeg2k_encode(rgb, level=0, reversible=True),
    }
    for compression in (None, 'lzw', 'deflate', 'jpeg'):
        files[f'tiff {compression}'] = tiff(
            rgb, photometric='rgb', compression=compression, rowsperstrip=8
        )
    for name, data in files.items():
        for length in rng.integers(0, len(data), 20):
            count_read(
                outcomes, tmp_path / 'a', (name, length), data[:length], None
            )
    assert outcomes.counts['sentence'] == outcomes.counts.total()


def test_cut_files_of_all_layouts(tmp_path, outcomes):
    """Right only where nothing that counts is cut."""
    rng = np.random.default_rng(SEED)
    for make in EXACT:
        for name, data, expected in make(rng):
            for length in (*rng.integers(1, len(data), 2), len(data) - 1):
                cut = (name, length)
                path = tmp_path / 'a'
                count_read(outcomes, path, cut, data[:length], expected)
    assert not outcomes.faults


def test_pngs_with_a_flipped_bit(tmp_path, outcomes):
    rng = np.random.default_rng(SEED)
    for name, data, expected in (*few_bits(rng), *palettes(rng)):
        if name.startswith('png'):
            for place in rng.integers(8, len(data), 9):
                broken = bytearray(data)
                broken[place] ^= 1 << int(rng.integers(8))
                flipped = (name, place)
                path = tmp_path / 'a'
                count_read(outcomes, path, flipped, bytes(broken), expected)
    assert not outcomes.faults


def test_damaged_image_files(tmp_path, outcomes):
    """Flipped bits in lossless files with check sums, and in all headers."""
    rng = np.random.default_rng(SEED)
    rgb = drawn(rng, 3, 'uint8')
    for name, data, first in (
        ('png', pillow(rgb, 'PNG'), 0),
        ('tiff', tiff(rgb, photometric='rgb', compression='deflate'), 0),
        ('npy', npy(rgb), 0),
        ('bmp', pillow(rgb, 'BMP'), 0),
        ('webp', pillow(rgb, 'WEBP', lossless=True), 0),
    ):
        end = len(data) if name == 'png' else 200
        for place in rng.integers(first, end, 60):
            changed = bytearray(data)
            changed[place] ^= 1 << rng.integers(8)
            path = tmp_path / 'a'
            path.write_bytes(changed)
            try:
                array = read_array(path)
            except SENTENCES as error:
                told = str(path) in str(error)
                outcomes.add('sentence' if told else 'traceback', error)
            except Exception as error:  # the very thing that is counted
                outcomes.add('traceback', (name, place, error))
            else:
                # Only a PNG has check sums over all that is read: of the
                # others, what came back as other pixels is not counted.
                if np.array_equal(array, rgb):
                    outcomes.add('right', (name, place))
                elif name == 'png':
                    outcomes.add('silent', (name, place))
    assert not outcomes.faults


FOREIGN = {
    'empty': b'',
    'text': b'hello',
    'html': b'<html>404</html>',
    'zip': b'PK\x03\x04' + bytes(99),
    'exr': b'v/1\x01' + bytes(99),
    'hdf5': b'\x89HDF\r\n\x1a\n' + bytes(99),
    'matlab': b'MATLAB 5.0 MAT-file' + bytes(99),
    'gif': b'GIF89a' + bytes(99),
    'pbm': b'P4\n8 1\n\x55',
    'pickle': b'\x80\x04K\x01.',
    'lfs': b'version https://git-lfs.github.com/spec/v1\n',
    'radiance': b'#?RADIANCE\n',
    'zeros': bytes(999),
    'jpeg xl': b'\xff\x0a' + bytes(99),
    'photoshop': b'8BPS' + bytes(99),
    'netcdf': b'CDF\x01' + bytes(99),
    'only the magic of png': b'\x89PNG\r\n\x1a\n',
    'only the magic of tiff': b'II*\0',
    'only the magic of jpeg': b'\xff\xd8\xff\xe0',
    'only the magic of npy': b'\x93NUMPY',
    'only the magic of webp': b'RIFF\x08\0\0\0WEBP',
    'only the magic of bmp': b'BM',
    'only the magic of pgm': b'P5',
    'a tiff that points at itself': b'II*\0\x08\0\0\0\0\0\x08\0\0\0',
    'a huge png': png(np.zeros((H, W), int), 0, 8).replace(
        struct.pack('>II', W, H), struct.pack('>II', 2**30, 2**30)
    ),
    'a huge bmp': b'BM'
    + struct.pack('<IIIIiiHH', 99, 0, 54, 40, 2**30, 2**30, 1, 24)
    + bytes(99),
    'a huge pgm': b'P5\n999999999 999999999\n255\n',
    'npy of objects': npy(np.array([{}], object)),
    'npy of one axis': npy(np.zeros(7)),
    'npy of four axes': npy(np.zeros((1, 2, 3, 4))),
    'npy without pixels': npy(np.zeros((0, 7))),
    'npy of text': npy(np.array([['a', 'b']])),
    'npy of complex numbers': npy(np.ones((5, 7), complex)),
    'npy of fields': npy(np.zeros((5, 7), [('d', 'f4')])),
}


MAGICS = (
    b'\x89PNG\r\n\x1a\n',
    b'\xff\xd8\xff',
    b'II*\0',
    b'MM\0*',
    b'II+\0',
    b'BM',
    b'P5',
    b'Pf',
    b'\x93NUMPY',
    b'RIFF',
)


def test_what_is_no_image_file(tmp_path, outcomes):
    for name, data in FOREIGN.items():
        count_read(outcomes, tmp_path / 'a', name, data, None)
    rng = np.random.default_rng(SEED)
    for magic, size in itertools.product(MAGICS, (0, 4, 40, 400)):
        data = magic + rng.bytes(size)
        count_read(outcomes, tmp_path / 'a', (magic, size), data, None)
    rgb = drawn(rng, 3, 'uint8')
    four = drawn(rng, 4, 'uint8')
    moving = {'save_all': True, 'append_images': [Image.fromarray(255 - rgb)]}
    refused = {
        'pages': tiff(np.moveaxis(rgb, 2, 0), photometric='minisblack'),
        'imagej': tiff(
            np.moveaxis(rgb, 2, 0), photometric='minisblack', imagej=True
        ),
        'cmyk': tiff(four, photometric='separated'),
        'lab': tiff(rgb, photometric='cielab'),
        'ycbcr': tiff(rgb, photometric='ycbcr'),
        'complex': tiff(rgb[..., 0] + 1j, photometric='minisblack'),
        'cmyk jpeg': pillow(rgb, 'JPEG', 'CMYK'),
        'gif': pillow(rgb, 'GIF', 'P'),
        'ico': pillow(rgb, 'ICO'),
        'pdf': pillow(rgb, 'PDF'),
        'tga': pillow(rgb, 'TGA'),
        'animated png': pillow(rgb, 'PNG', **moving),
        'animated webp': pillow(rgb, 'WEBP', **moving),
    }
    for name, data in refused.items():
        count_read(outcomes, tmp_path / 'a', name, data, None)
    assert outcomes.counts['sentence'] == outcomes.counts.total()


def outcome_of(load, expected):
    try:
        array = load()
    except SENTENCES as error:
        return 'sentence' if "a.tif'" in str(error) else 'traceback'
    except Exception:  # the very thing that is counted
        return 'traceback'
    same = expected is not None and np.array_equal(array, expected)
    return 'right' if same else 'silent'


def test_files_for_a_modality(tmp_path, outcomes):
    """Every number of channels and dtype against every declared one."""
    rng = np.random.default_rng(SEED)
    dtypes = ('uint8', 'uint16', 'int16', 'float32', 'float64')
    path = tmp_path / 'a.tif'
    for channels, dtype in itertools.product((1, 2, 3, 4, 12), dtypes):
        array = drawn(rng, channels, dtype)
        planar = {'planarconfig': 'contig'} if channels > 1 else {}
        data = tiff(array.squeeze(), photometric='minisblack', **planar)
        path.write_bytes(data)
        for wanted, declared in itertools.product((1, 3, 4), dtypes):
            fits = (wanted, declared) == (channels, dtype)
            result = outcome_of(
                lambda w=wanted, d=declared: load_modality(
                    [str(path)], Modality('x', w), {'dtype': d}
                ),
                array.astype(np.float32) if fits else None,
            )
            outcomes.add(result, (channels, dtype, wanted, declared))
    assert not outcomes.faults


def test_files_for_a_label(tmp_path, outcomes):
    rng = np.random.default_rng(SEED)
    label = rng.integers(0, 2, (H, W)).astype('u1')
    rgb = drawn(rng, 3, 'uint8')
    colors = np.zeros((3, 256), np.uint16)
    colors[0, 1] = 65535
    floats = np.float32(label)
    files = {
        'one bit': (png(label[..., None], 0, 1), label, {}),
        'two bits': (png(label[..., None], 0, 2), label, {}),
        'four bits': (png(label[..., None], 0, 4), label, {}),
        'eight bits': (png(label[..., None], 0, 8), label, {}),
        'sixteen bits': (png(label[..., None], 0, 16), label, {}),
        'tiff of one bit': (tiff(label == 1), label, {}),
        'white is 0': (
            tiff(label == 1, photometric='miniswhite'),
            label,
            {},
        ),
        'bool npy': (npy(label == 1), label, {}),
        'int64 npy': (npy(label.astype(int)), label, {}),
        '0 and 255': (
            png(label[..., None] * 255, 0, 8),
            label,
            {'values': {0: 0, 255: 1}},
        ),
        'unlisted': (png(label[..., None], 0, 8), None, {'values': {0: 0}}),
        '0 and 7': (png(label[..., None] * 7, 0, 8), None, {}),
        'below 0': (npy(-label.astype(int)), None, {}),
        '256 and more': (npy(label.astype(int) * 256), None, {}),
        'floats': (npy(floats), None, {}),
        'jpeg': (pillow(label, 'JPEG'), None, {}),
        'webp': (pillow(rgb, 'WEBP'), None, {}),
        'jpeg in tiff': (tiff(label, compression='jpeg'), None, {}),
        'colours': (png(rgb, 2, 8), None, {}),
        'palette': (
            tiff(label, photometric='palette', colormap=colors),
            None,
            {},
        ),
        'indices': (
            tiff(label, photometric='palette', colormap=colors),
            label,
            {'palette': True},
        ),
        'png palette': (pillow(label, 'PNG', 'P'), None, {}),
        'bmp palette': (
            pillow(rgb, 'BMP', 'P'),
            None,
            {},
        ),
        'other size': (npy(label[:, :-1]), None, {}),
        'cut': (png(label[..., None], 0, 8)[:-20], None, {}),
        'npz': (b'PK\x03\x04' + bytes(99), None, {}),
    }
    path = tmp_path / 'a.tif'
    sample = {'seg_map_path': str(path), 'ori_shape': (H, W)}
    for name, (data, expected, options) in files.items():
        path.write_bytes(data)
        result = outcome_of(
            lambda o=options: LoadLabel(2, **o)(dict(sample))['gt_seg_map'],
            expected,
        )
        outcomes.add(result, name)
        assert (result == 'right') == (expected is not None), name
    assert not outcomes.faults

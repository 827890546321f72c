"""Image files of every layout at hand, whole, cut and mistaken, counted.

A file is read as it was written, or one sentence names it: nothing else.
"""

import io
import struct
import zlib
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from mmseg_missing.datasets.transforms.reading import read_array, read_label

pytestmark = pytest.mark.slow

SEED = 9
H, W = 37, 41
SMOOTH = 6  # mean difference that a lossy format may make, of 255
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}


def noise(channels, dtype='uint8', top=None):
    rng = np.random.default_rng(SEED)
    if np.dtype(dtype).kind == 'f':
        values = rng.normal(size=(H, W, channels)) * 100
    else:
        values = rng.integers(0, top or np.iinfo(dtype).max, (H, W, channels))
    return values.astype(dtype)


def smooth(channels):
    y, x = np.mgrid[:H, :W]
    planes = [2 * x + 40 + 20 * c + y for c in range(channels)]
    return np.stack(planes, -1).astype(np.uint8)


def png(array, bits, kind, palette=None, transparent=None):
    """Return a PNG of these samples, written without any library."""
    bigger = array.astype('>u2') if bits == 16 else array.astype(np.uint8)
    if bits < 8:
        spread = np.unpackbits(bigger[..., :1], axis=2)[..., 8 - bits :]
        rows = np.packbits(spread.reshape(len(array), -1), axis=1)
    else:
        rows = bigger
    raw = b''.join(b'\0' + row.tobytes() for row in rows)

    def chunk(name, data):
        check = struct.pack('>I', zlib.crc32(name + data))
        return struct.pack('>I', len(data)) + name + data + check

    height, width = array.shape[:2]
    header = struct.pack('>IIBBBBB', width, height, bits, kind, 0, 0, 0)
    parts = [b'\x89PNG\r\n\x1a\n', chunk(b'IHDR', header)]
    if palette is not None:
        parts.append(chunk(b'PLTE', palette.tobytes()))
    if transparent is not None:
        parts.append(chunk(b'tRNS', transparent))
    parts += [chunk(b'IDAT', zlib.compress(raw)), chunk(b'IEND', b'')]
    return b''.join(parts)


def by_pillow(array, form, mode=None, **options):
    file = io.BytesIO()
    array = array[..., 0] if array.shape[2] == 1 else array
    image = Image.fromarray(array)
    if mode is not None:
        image = image.convert(mode)
    image.save(file, form, **options)
    return file.getvalue()


def by_numpy(array, fortran=False):
    file = io.BytesIO()
    np.save(file, np.asfortranarray(array) if fortran else array)
    return file.getvalue()


def by_tifffile(array, planar=False, **options):
    file = io.BytesIO()
    if planar:
        array, options['planarconfig'] = np.moveaxis(array, 2, 0), 'separate'
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def npy_files():
    for dtype in [
        'u1',
        'i1',
        'u2',
        'i2',
        '>u2',
        '>i4',
        'u4',
        'i8',
        'f2',
        'f4',
        '>f4',
        'f8',
    ]:
        array = noise(3, dtype)
        native = array.astype(array.dtype.newbyteorder('='))
        yield f'npy {dtype}', by_numpy(array), native
    yield 'npy bool', by_numpy(noise(1) > 99), noise(1) > 99
    yield 'npy fortran', by_numpy(noise(3, 'f4'), True), noise(3, 'f4')
    yield 'npy (H, W)', by_numpy(noise(1)[..., 0]), noise(1)
    for name, array in {
        '(1, H, W, C)': noise(3)[None],
        'one row': noise(1)[0, :, 0],
        'a number': np.float32(3),
        'nothing': np.zeros((0, 4), 'u1'),
        'complex': noise(1, 'f4').astype('c8'),
        'text': np.array([['a', 'b']]),
        'fields': np.zeros((5, 5), [('a', 'u1'), ('b', 'f4')]),
        'dates': np.zeros((5, 5), 'M8[s]'),
        'objects': np.array([[None, {}]], object),
    }.items():
        yield f'npy {name}', by_numpy(array), None


def png_files():
    for bits in (1, 2, 4, 8, 16):
        array = noise(1, 'uint16', 2**bits)
        array = array if bits == 16 else array.astype(np.uint8)
        yield f'png grey {bits}', png(array, bits, GREY), array
    for bits in (8, 16):
        for kind in (RGB, GREY_ALPHA, RGBA):
            array = noise(CHANNELS[kind], f'uint{bits}')
            yield f'png {kind} {bits}', png(array, bits, kind), array
    for kind in (GREY, RGB):
        array = noise(CHANNELS[kind])
        see_through = struct.pack('>' + 'H' * CHANNELS[kind], *array[3, 3])
        data = png(array, 8, kind, transparent=see_through)
        yield f'png {kind} with a transparent colour', data, array
    for bits in (1, 2, 4, 8):
        array, table = noise(1, top=2**bits), noise(3).reshape(-1, 3)
        table = table[: 2**bits]
        data = png(array, bits, PALETTE, table)
        yield f'png palette {bits}', data, table[array[..., 0]]
        data = png(array, bits, PALETTE, table, b'\0\x80')
        yield f'png clear palette {bits}', data, table[array[..., 0]]
    exif = Image.Exif()
    exif[0x112] = 6
    data = by_pillow(noise(3), 'PNG', exif=exif)
    yield 'png turned by its tag', data, noise(3)
    frames = [Image.fromarray(noise(3)), Image.fromarray(smooth(3))]
    file = io.BytesIO()
    frames[0].save(file, 'PNG', save_all=True, append_images=frames[1:])
    yield 'png animated', file.getvalue(), None


def photo_files():
    exif = Image.Exif()
    exif[0x112] = 6
    for channels in (1, 3):
        array = smooth(channels)
        yield f'jpeg {channels}', by_pillow(array, 'JPEG'), array
        data = by_pillow(array, 'JPEG', progressive=True)
        yield f'jpeg progressive {channels}', data, array
    data = by_pillow(smooth(3), 'JPEG', exif=exif)
    yield 'jpeg turned by its tag', data, smooth(3)
    yield 'jpeg cmyk', by_pillow(smooth(3), 'JPEG', 'CMYK'), None
    for channels in (3, 4):
        array = noise(channels)
        array[..., 3:] |= 1  # what cannot be seen is not kept
        data = by_pillow(array, 'WebP', lossless=True)
        yield f'webp {channels}', data, array
    yield 'webp lossy', by_pillow(smooth(3), 'WebP', quality=95), smooth(3)
    for channels in (1, 3):
        for dtype in ('uint8', 'uint16'):
            array = noise(channels, dtype)
            squeezed = array[..., 0] if channels == 1 else array
            data = imagecodecs.jpeg2k_encode(squeezed, level=0)
            yield f'jp2 {channels} {dtype}', bytes(data), array


def plain_files():
    array = noise(3)
    yield 'bmp 24', by_pillow(array, 'BMP'), array
    yield 'bmp grey', by_pillow(noise(1), 'BMP'), noise(1)
    bits = noise(1, top=2)
    yield 'bmp 1', by_pillow(bits * 255, 'BMP', '1'), bits
    head = f'{W} {H}'.encode()
    for top, dtype in ((255, 'uint8'), (65535, 'uint16')):
        for kind, channels in ((b'P5', 1), (b'P6', 3)):
            array = noise(channels, dtype)
            stored = array.astype(array.dtype.newbyteorder('>')).tobytes()
            data = kind + b'\n' + head + f'\n{top}\n'.encode() + stored
            yield f'{kind.decode()} {top}', data, array
    for kind, channels in ((b'Pf', 1), (b'PF', 3)):
        array = noise(channels, 'float32')
        stored = array[::-1].astype('<f4').tobytes()
        data = kind + b'\n' + head + b'\n-1.0\n' + stored
        yield f'pfm {channels}', data, array
    bits = np.packbits(noise(1, top=2)[..., 0], axis=1).tobytes()
    yield 'P4', b'P4\n' + head + b'\n' + bits, None


def tiff_files():
    for dtype in ['u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'f2', 'f4', 'f8']:
        for channels in (1, 2, 3, 4, 12):
            for planar in (False, True):
                array = noise(channels, dtype)
                extra = ['unspecified'] * (channels - 1)
                data = by_tifffile(
                    array, planar, photometric='minisblack', extrasamples=extra
                )
                kind = 'planes' if planar else 'pixels'
                yield f'tiff {dtype} {channels} by {kind}', data, array
    for alpha in ('assocalpha', 'unassalpha', 'unspecified'):
        data = by_tifffile(noise(4), photometric='rgb', extrasamples=[alpha])
        yield f'tiff rgb + {alpha}', data, noise(4)
    for options in (
        {'compression': 'lzw'},
        {'compression': 'lzw', 'predictor': 2},
        {'compression': 'deflate', 'predictor': 2},
        {'compression': 'packbits'},
        {'compression': 'zstd'},
        {'compression': 'lzma'},
        {'tile': (16, 32)},
        {'rowsperstrip': 5},
        {'byteorder': '>'},
        {'bigtiff': True},
        {'extratags': [(274, 'H', 1, 6, True)]},
    ):
        data = by_tifffile(noise(3, 'u2'), photometric='rgb', **options)
        yield f'tiff {options}', data, noise(3, 'u2')
    for compression in ('lzw', 'deflate'):
        data = by_tifffile(
            noise(1, 'f4')[..., 0], compression=compression, predictor=3
        )
        yield f'tiff float {compression}', data, noise(1, 'f4')
    data = by_tifffile(noise(1)[..., 0], photometric='miniswhite')
    yield 'tiff 0 is white', data, noise(1)
    bits = noise(1, top=2)
    data = by_tifffile(bits[..., 0] > 0, photometric='minisblack')
    yield 'tiff 1 bit', data, bits
    table = noise(3, 'u2').reshape(-1, 3)[:256]
    data = by_tifffile(
        noise(1)[..., 0], photometric='palette', colormap=table.T
    )
    yield 'tiff palette', data, (table >> 8).astype('u1')[noise(1)[..., 0]]
    for kind in ('separated', 'cielab'):
        channels = 4 if kind == 'separated' else 3
        data = by_tifffile(noise(channels), photometric=kind)
        yield f'tiff {kind}', data, None
    yield 'tiff complex', by_tifffile(np.ones((H, W), 'c8')), None
    pages = np.stack([noise(1)[..., 0], smooth(1)[..., 0]])
    yield 'tiff pages', by_tifffile(pages, photometric='minisblack'), None
    data = by_tifffile(noise(1), photometric='minisblack', volumetric=True)
    yield 'tiff volume of one slice', data, noise(1)
    file = io.BytesIO()
    Image.fromarray(smooth(3)).save(file, 'TIFF', compression='jpeg')
    yield 'tiff jpeg', file.getvalue(), smooth(3)


def strangers():
    rng = np.random.default_rng(SEED)
    file = io.BytesIO()
    np.savez(file, a=noise(3))
    yield 'npz', file.getvalue(), None
    yield 'gif', by_pillow(noise(1), 'GIF'), None
    yield 'nothing', b'', None
    yield 'zeros', bytes(999), None
    yield 'exr', b'v/1\x01' + bytes(99), None
    yield 'hdf5', b'\x89HDF\r\n\x1a\n' + bytes(99), None
    yield 'mat', b'MATLAB 5.0 MAT-file' + bytes(199), None
    yield 'html', b'<!DOCTYPE html><html>404</html>', None
    yield 'lfs', b'version https://git-lfs.github.com/spec/v1\noid', None
    for magic in (b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff', b'II*\0', b'MM\0*'):
        for size in (0, 4, 40, 400):
            yield f'{magic!r} + {size}', magic + rng.bytes(size), None
    for magic in (b'BM', b'P5', b'Pf', b'\x93NUMPY', b'RIFF', b'II+\0'):
        for size in (0, 4, 40, 400):
            yield f'{magic!r} + {size}', magic + rng.bytes(size), None


def every_file():
    for part in (npy_files, png_files, photo_files, plain_files, tiff_files):
        yield from part()


def tried(path, data, expected, read=read_array):
    """Return what came of reading ``data``, and the text to show."""
    path.write_bytes(data)
    try:
        array = read(path)
    except ValueError as error:
        text = str(error)
        is_sentence = text.startswith(f"file '{path}' ") and '\n' not in text
        return ('sentence' if is_sentence else 'traceback'), text
    except Exception as error:
        return 'traceback', repr(error)
    if expected is None:
        return 'silent', f'{array.shape} {array.dtype}'
    same = array.shape == expected.shape and array.dtype == expected.dtype
    return ('right' if same and _close(array, expected, path) else 'silent'), (
        f'{array.shape} {array.dtype} for {expected.shape} {expected.dtype}'
    )


def _close(array, expected, path):
    if path.name != 'lossy':
        return np.array_equal(array, expected)
    return np.abs(array.astype(float) - expected).mean() < SMOOTH


def _path(folder, name):
    is_lossy = any(word in name for word in ('jpeg', 'lossy'))
    return Path(folder, 'lossy' if is_lossy else 'exact')


def test_files_of_all_layouts(tmp_path, outcomes):
    for name, data, expected in every_file():
        outcome, text = tried(_path(tmp_path, name), data, expected)
        if expected is not None and outcome == 'sentence':
            print(f'{name}: {text}')
        outcomes.add(outcome, f'{name}: {text}')
    assert not outcomes.faults, '\n'.join(outcomes.faults)
    assert outcomes.counts['right'] > 60


def test_files_that_are_cut(tmp_path, outcomes):
    """A cut file is refused; right only where nothing that counts is cut."""
    rng = np.random.default_rng(SEED)
    for name, data, expected in every_file():
        cuts = rng.integers(1, len(data), 4)
        for end in (*cuts, len(data) - 1):
            path = _path(tmp_path, name)
            outcome, text = tried(path, data[:end], expected)
            outcomes.add(outcome, f'{name}[:{end} of {len(data)}]: {text}')
    assert not outcomes.faults, '\n'.join(outcomes.faults)


def test_pngs_with_a_flipped_bit(tmp_path, outcomes):
    rng = np.random.default_rng(SEED)
    for name, data, expected in png_files():
        for place in rng.integers(8, len(data), 9):
            broken = bytearray(data)
            broken[place] ^= 1 << int(rng.integers(8))
            outcome, text = tried(tmp_path / 'exact', bytes(broken), expected)
            outcomes.add(outcome, f'{name}, byte {place}: {text}')
    assert not outcomes.faults, '\n'.join(outcomes.faults)


def test_files_that_are_no_images(tmp_path, outcomes):
    for name, data, expected in strangers():
        outcome, text = tried(tmp_path / 'a.png', data, expected)
        outcomes.add(outcome, f'{name}: {text}')
    assert not outcomes.faults, '\n'.join(outcomes.faults)
    assert set(outcomes.counts) == {'sentence'}


def test_labels(tmp_path, outcomes):
    """Stored indices whatever the bits; no lossy format, no palette."""
    for bits in (1, 2, 4, 8, 16):
        array = noise(1, 'uint16', 2**bits)
        array = array if bits == 16 else array.astype(np.uint8)
        data = png(array, bits, GREY)
        outcome, text = tried(tmp_path / 'exact', data, array, read_label)
        outcomes.add(outcome, f'grey {bits}: {text}')
    for bits in (1, 2, 4, 8):
        array, table = noise(1, top=2**bits), noise(3).reshape(-1, 3)
        data = png(array, bits, PALETTE, table[: 2**bits])
        for is_wanted in (False, True):
            outcome, text = tried(
                tmp_path / 'exact',
                data,
                array if is_wanted else None,
                lambda path, p=is_wanted: read_label(path, palette=p),
            )
            outcomes.add(outcome, f'palette {bits} {is_wanted}: {text}')
    for name, data, _ in photo_files():
        if 'webp 3' not in name and 'webp 4' not in name:
            outcome, text = tried(tmp_path / 'exact', data, None, read_label)
            outcomes.add(outcome, f'{name}: {text}')
    is_set, data = cv2.imencode('.png', noise(1, top=2) * 255)
    assert is_set
    outcome, text = tried(
        tmp_path / 'exact', data.tobytes(), noise(1, top=2) * 255, read_label
    )
    outcomes.add(outcome, f'0 and 255: {text}')
    assert not outcomes.faults, '\n'.join(outcomes.faults)

"""PNG of all kinds, written by hand: what is stored is what comes."""

import struct
import zlib

import numpy as np
import pytest

from mmseg_missing.datasets.transforms.reading import read_array, read_label

H, W = 5, 7
RNG = np.random.default_rng(0)
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [
    (0, 1),
    (0, 2),
    (0, 4),
    (0, 8),
    (0, 16),
    (2, 8),
    (2, 16),
    (4, 8),
    (4, 16),
    (6, 8),
    (6, 16),
]


def chunk(name, content):
    body = name + content
    return struct.pack('>I', len(content)) + body + _check(body)


def _check(body):
    return struct.pack('>I', zlib.crc32(body))


def packed(row, bits):
    """Samples of one row as the bytes of a PNG."""
    if bits == 16:
        return row.astype('>u2').tobytes()
    text = ''.join(f'{int(v):0{bits}b}' for v in row.ravel())
    text += '0' * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, 'big')


def as_png(array, color_type, bits, extra=b''):
    height, width = array.shape[:2]
    head = struct.pack('>IIBBBBB', width, height, bits, color_type, 0, 0, 0)
    rows = b''.join(b'\0' + packed(row, bits) for row in array)
    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', head)
        + extra
        + chunk(b'IDAT', zlib.compress(rows))
        + chunk(b'IEND', b'')
    )


def drawn(color_type, bits):
    shape = (H, W, CHANNELS[color_type])
    return RNG.integers(0, 2**bits, shape).astype('u2' if bits > 8 else 'u1')


@pytest.mark.parametrize(('color_type', 'bits'), KINDS)
def test_samples_are_as_stored(tmp_path, color_type, bits):
    array = drawn(color_type, bits)
    (tmp_path / 'a.png').write_bytes(as_png(array, color_type, bits))
    result = read_array(tmp_path / 'a.png')
    assert result.dtype == array.dtype
    np.testing.assert_array_equal(result, array)


@pytest.mark.parametrize(('color_type', 'bits'), [(0, 1), (0, 8), (2, 8)])
def test_a_transparent_colour_is_no_channel(tmp_path, color_type, bits):
    array = drawn(color_type, bits)
    extra = chunk(b'tRNS', b'\0\1' * array.shape[2])
    data = as_png(array, color_type, bits, extra)
    (tmp_path / 'a.png').write_bytes(data)
    np.testing.assert_array_equal(read_array(tmp_path / 'a.png'), array)


@pytest.mark.parametrize('alpha', [b'', b'\x05'])
@pytest.mark.parametrize('bits', [1, 2, 4, 8])
def test_palette_gives_colours_or_indices(tmp_path, bits, alpha):
    colors = RNG.integers(0, 256, (2**bits, 3), dtype=np.uint8)
    extra = chunk(b'PLTE', colors.tobytes())
    extra += chunk(b'tRNS', alpha) if alpha else b''
    array, path = drawn(3, bits), tmp_path / 'a.png'
    path.write_bytes(as_png(array, 3, bits, extra))
    np.testing.assert_array_equal(read_array(path), colors[array[..., 0]])
    np.testing.assert_array_equal(read_label(path, palette=True), array)
    with pytest.raises(ValueError, match=r'a\.png.*`palette=True` of LoadL'):
        read_label(path)


def test_a_wrong_check_sum_is_damage(tmp_path):
    data = bytearray(as_png(drawn(0, 8), 0, 8))
    data[50] ^= 1
    (tmp_path / 'a.png').write_bytes(data)
    with pytest.raises(ValueError, match=r'a\.png.* is damaged'):
        read_array(tmp_path / 'a.png')


def test_every_cut_is_seen(tmp_path):
    data = as_png(drawn(2, 8), 2, 8)
    for length in range(8, len(data)):
        (tmp_path / 'a.png').write_bytes(data[:length])
        with pytest.raises(ValueError, match='truncated'):
            read_array(tmp_path / 'a.png')


def test_animation_is_refused(tmp_path):
    data = as_png(drawn(0, 8), 0, 8, chunk(b'acTL', bytes(8)))
    (tmp_path / 'a.png').write_bytes(data)
    with pytest.raises(ValueError, match='animated; save one frame'):
        read_array(tmp_path / 'a.png')

"""Read a PNG as it is stored, whatever its bits.

Decoders convert on their own: OpenCV spreads 1, 2 and 4 bits over 0..255,
turns a transparent colour into a fourth channel and grey with alpha into
four; Pillow cuts 16-bit colours to 8 bits.
"""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from .photos import by_opencv
from .unreadable import DAMAGED, TRUNCATED, Unreadable

MAGIC = b'\x89PNG\r\n\x1a\n'
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
# Which of the channels that OpenCV delivers are in the file.
STORED = {
    GREY: slice(0, 1),
    RGB: slice(0, 3),
    GREY_ALPHA: slice(0, 4, 3),
    RGBA: slice(0, 4),
}


def read_png(data: bytes, indices: bool = False) -> np.ndarray:
    """Return the stored samples, (H, W) or (H, W, C), uint8 or uint16.

    Args:
        data: the whole file.
        indices: of a palette return what is stored, not its colours.

    Raises:
        Unreadable: truncated, damaged or animated.
    """
    chunks = dict(png_chunks(data))  # checks every byte
    if b'acTL' in chunks:
        raise Unreadable('is animated; save one frame as a PNG')
    bits, color_type = chunks[b'IHDR'][8:10]
    if color_type == PALETTE:
        return _of_palette(data, indices)
    if color_type not in STORED:
        raise Unreadable(DAMAGED)
    image = np.atleast_3d(by_opencv(data))[..., STORED[color_type]]
    if bits < 8:
        image //= 255 // (2**bits - 1)
    return image


def png_traits(data: bytes) -> set[str]:
    """Return ``'palette'`` where the file has one."""
    return {'palette'} if data[25:26] == bytes([PALETTE]) else set()


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of every chunk.

    Raises:
        Unreadable: the file ends early, or a check sum is wrong.
    """
    start, name = len(MAGIC), b''
    while name != b'IEND':
        if start + 12 > len(data):
            raise Unreadable(TRUNCATED)
        length, name = struct.unpack_from('>I4s', data, start)
        end = start + 8 + length
        if end + 4 > len(data):
            raise Unreadable(TRUNCATED)
        (check,) = struct.unpack_from('>I', data, end)
        if zlib.crc32(memoryview(data)[start + 4 : end]) != check:
            raise Unreadable(DAMAGED)
        yield name, data[start + 8 : end]
        start = end + 4


def _of_palette(data: bytes, indices: bool) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        stored, colors = np.array(image), image.getpalette('RGB')
    if indices:
        return stored
    table = np.zeros((256, 3), np.uint8)
    table[: len(colors) // 3] = np.reshape(colors, (-1, 3))
    return table[stored]

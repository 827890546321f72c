"""Read JPEG, JPEG 2000, WebP, BMP and PGM, whole or not at all."""

import io
import struct
from collections.abc import Iterator

import cv2
import imagecodecs
import numpy as np
from PIL import Image

from .unreadable import DAMAGED, TRUNCATED, Unreadable

JPEG_MAGIC = b'\xff\xd8\xff'
JPEG_END = b'\xff\xd9'
JP2_MAGICS = (b'\0\0\0\x0cjP  \r\n\x87\n', b'\xff\x4f\xff\x51')
START_OF_SCAN = 0xDA
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
RGB_ORDER = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}


def read_jpeg(data: bytes, indices: bool = False) -> np.ndarray:
    """Return (H, W, 1) or (H, W, 3) uint8."""
    segments = dict(jpeg_segments(data))
    frame = next((segments[m] for m in FRAMES if m in segments), None)
    if frame is None or JPEG_END not in segments[START_OF_SCAN]:
        raise Unreadable(TRUNCATED)
    bits, channels = frame[0], frame[5]
    if bits != 8 or channels not in (1, 3):
        raise Unreadable(
            f'is a JPEG of {channels} channels with {bits} bits, which '
            'decoders convert; save it as grey or RGB with 8 bits, or as PNG'
        )
    return by_opencv(data)


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of the segments; the scans are one.

    Raises:
        Unreadable: the file ends before the first scan.
    """
    start = 2
    while start + 4 <= len(data):
        while data[start : start + 2] == b'\xff\xff':  # fill bytes
            start += 1
        marker, length = struct.unpack_from('>xBH', data, start)
        if marker == START_OF_SCAN:
            yield marker, data[start:]
            return
        yield marker, data[start + 4 : start + 2 + length]
        start += 2 + length
    raise Unreadable(TRUNCATED)


def read_jp2(data: bytes, indices: bool = False) -> np.ndarray:
    """Return the samples of a JPEG 2000, which OpenCV may reorder."""
    if JPEG_END not in data[-16:]:
        raise Unreadable(TRUNCATED)
    return imagecodecs.jpeg2k_decode(data)


def read_webp(data: bytes, indices: bool = False) -> np.ndarray:
    """Return (H, W, 3) or (H, W, 4) uint8."""
    if struct.unpack_from('<I', data, 4)[0] + 8 > len(data):
        raise Unreadable(TRUNCATED)
    if b'ANMF' in dict(webp_chunks(data)):
        raise Unreadable('is animated; save one frame as a PNG')
    return by_opencv(data)


def webp_traits(data: bytes) -> set[str]:
    """Return ``'lossy'`` where the pixels were encoded so."""
    return {'lossy'} if b'VP8 ' in dict(webp_chunks(data)) else set()


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of every chunk."""
    start = 12
    while start + 8 <= len(data):
        name, length = struct.unpack_from('<4sI', data, start)
        yield name, data[start + 8 : start + 8 + length]
        start += 8 + length + length % 2


def read_bmp(data: bytes, indices: bool = False) -> np.ndarray:
    """Return the samples of a BMP; of a palette its colours or indices."""
    (bits,) = struct.unpack_from('<H', data, 28)
    (size,) = struct.unpack_from('<I', data, 2)
    if size > len(data):
        raise Unreadable(TRUNCATED)
    if bits in (24, 32):
        return by_opencv(data)
    if bits not in (1, 4, 8):
        raise Unreadable(f'is a BMP with {bits} bits; save it as PNG')
    with Image.open(io.BytesIO(data)) as image:
        is_grey = image.mode in ('1', 'L')
        if indices or is_grey:
            return np.array(image).astype(np.uint8)
        return np.array(image.convert('RGB'))


def bmp_traits(data: bytes) -> set[str]:
    """Return ``'palette'`` where it is not that of grey values."""
    with Image.open(io.BytesIO(data)) as image:
        return {'palette'} if image.mode == 'P' else set()


def read_pnm(data: bytes, indices: bool = False) -> np.ndarray:
    """Return the samples of PGM, PPM or PFM."""
    return by_opencv(data)


def by_opencv(data: bytes) -> np.ndarray:
    """Return (H, W) or (H, W, C) in RGB order."""
    # Decoded from memory, because a cut file then gives None; from disk some
    # versions of OpenCV fill the rest with grey. IMREAD_UNCHANGED leaves
    # orientation tags aside.
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise Unreadable(DAMAGED)
    if image.ndim == 2:
        return image
    return cv2.cvtColor(image, RGB_ORDER[image.shape[2]])

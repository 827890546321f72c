"""Read PGM, PPM and PFM as they are stored.

OpenCV spreads the numbers of a text file over 0..255 and divides those of a
PFM by the scale in its header.
"""

import re

import numpy as np

from .unreadable import DAMAGED, TRUNCATED, Unreadable

MAGICS = (b'P2', b'P3', b'P5', b'P6', b'Pf', b'PF')
OF_TEXT, OF_FLOATS, OF_COLOURS = 'P2 P3', 'Pf PF', 'P3 P6 PF'
GAP = rb'(?:\s|#[^\n]*\n)+'
HEADER = re.compile(
    rb'(P.)' + GAP + rb'(\d+)' + GAP + rb'(\d+)' + GAP + rb'([-+.\deE]+)\s'
)


def read_pnm(data: bytes, indices: bool = False) -> np.ndarray:
    """Return (H, W, 1) or (H, W, 3) uint8, uint16 or float32.

    Raises:
        Unreadable: truncated, or numbers that its header excludes.
    """
    header = HEADER.match(data)
    if header is None:
        raise Unreadable(TRUNCATED)
    kind, width, height = header[1].decode(), int(header[2]), int(header[3])
    shape = (height, width, 3 if kind in OF_COLOURS else 1)
    body, top = data[header.end() :], float(header[4])
    if kind in OF_FLOATS:
        # Rows go from the bottom to the top.
        return _numbers(body, '<f4' if top < 0 else '>f4', shape)[::-1]
    if not 0 < top <= np.iinfo(np.uint16).max:
        raise Unreadable(DAMAGED)
    stored = 'u1' if top <= np.iinfo(np.uint8).max else '>u2'
    read = _text if kind in OF_TEXT else _numbers
    array = read(body, stored, shape)
    if array.max(initial=0) > top:
        raise Unreadable(DAMAGED)
    return array


def _numbers(
    body: bytes, dtype: str, shape: tuple[int, int, int]
) -> np.ndarray:
    count = shape[0] * shape[1] * shape[2]
    if count * np.dtype(dtype).itemsize > len(body):
        raise Unreadable(TRUNCATED)
    return np.frombuffer(body, dtype, count).reshape(shape)


def _text(body: bytes, dtype: str, shape: tuple[int, int, int]) -> np.ndarray:
    words = re.sub(rb'#[^\n]*', b'', body).split()
    count = shape[0] * shape[1] * shape[2]
    if len(words) < count:
        raise Unreadable(TRUNCATED)
    numbers = np.array([int(word) for word in words[:count]])
    if numbers.min(initial=0) < 0 or numbers.max(initial=0) > 65535:
        raise Unreadable(DAMAGED)
    return numbers.astype(dtype).reshape(shape)

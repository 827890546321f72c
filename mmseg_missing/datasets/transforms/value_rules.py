"""How values change when the scene is mirrored or turned.

Moving pixels is not enough where a value is itself a direction in the image:

- ``aolp``, angle of linear polarisation: channels (sin 2a, cos 2a) or
  (sin 2a, cos 2a, sin 2a) in [-1, 1], where the angle a is measured
  counter-clockwise from the image's x axis. It is the doubled angle because
  a and a + 180 degrees are the same polarisation.
- ``normals``: channels (x, y, z) in [-1, 1], camera axes: x to the right,
  y down, z forward.
- ``plain``: values do not depend on how the camera is held. HHA's do not: its
  heights and angles are told against gravity, which turns with the picture.
"""

import math

import numpy as np

from mmseg_missing.modality import Modality

AOLP_CHANNELS = (2, 3)
NORMAL_CHANNELS = (3,)


def flip_values(
    array: np.ndarray, modality: Modality, direction: str
) -> np.ndarray:
    """Return the values that the mirrored scene would have shown.

    Args:
        array: (H, W, C), already mirrored.
        modality: its ``geometry`` names the rule.
        direction: ``'horizontal'`` or ``'vertical'``.
    """
    if modality.geometry == 'plain':
        return array
    _check(array, modality)
    sign = np.ones(modality.channels, np.float32)
    if modality.geometry == 'aolp':  # a -> -a (mod 180), both directions
        sign[0::2] = -1
    else:
        sign[0 if direction == 'horizontal' else 1] = -1
    return array * sign


def rotate_values(
    array: np.ndarray, modality: Modality, degree: float
) -> np.ndarray:
    """Return the values that the turned scene would have shown.

    Args:
        array: (H, W, C), already turned.
        modality: its ``geometry`` names the rule.
        degree: counter-clockwise as one looks at the picture.
    """
    if modality.geometry == 'plain':
        return array
    _check(array, modality)
    turn = _aolp_turn if modality.geometry == 'aolp' else _normals_turn
    matrix = turn(math.radians(degree), modality.channels)
    return array @ matrix.T.astype(np.float32)


def _aolp_turn(angle_rad: float, channels: int) -> np.ndarray:
    sin, cos = math.sin(2 * angle_rad), math.cos(2 * angle_rad)
    sin_row, cos_row = [cos, sin, 0], [-sin, cos, 0]
    return np.array([sin_row, cos_row, sin_row])[:channels, :channels]


def _normals_turn(angle_rad: float, channels: int) -> np.ndarray:
    sin, cos = math.sin(angle_rad), math.cos(angle_rad)
    return np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])


def _check(array: np.ndarray, modality: Modality) -> None:
    rule = modality.geometry
    channels = AOLP_CHANNELS if rule == 'aolp' else NORMAL_CHANNELS
    if modality.channels not in channels or array.dtype.kind != 'f':
        raise ValueError(
            f"geometry '{rule}' of modality '{modality.name}' needs "
            f'{" or ".join(map(str, channels))} float channels in [-1, 1], '
            f'got {modality.channels} of {array.dtype}; set `scale` and '
            "`offset` in the data set's `formats`, or geometry='plain'"
        )

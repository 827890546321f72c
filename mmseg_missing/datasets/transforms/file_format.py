"""From files to one modality in its own unit, as its format tells.

A format is a dict that says only what differs from the defaults:

- ``dtype`` of the files: 'uint8'.
- ``scale`` (1) and ``offset`` (0): the value in its unit is
  ``raw * scale + offset``. Where files come in several dtypes, ``scale`` is
  a dict with one scale for each.
- ``channels``: which channels of a file are read, ``[3]``, or ``'rgb'``:
  alpha is dropped and grey repeated. Default: all.
- ``size``: (height, width) to which files of another size are brought by
  taking the nearest pixel. Default: they stay as they are.
- ``encode``: depth that the network is to see otherwise, encoded while it is
  read: ``dict(encoding='hha', camera='nyuv2')``; see
  :class:`mmseg_missing.datasets.depth.DepthEncoder`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from mmseg_missing.modality import Modality

from ..depth import DepthEncoder
from .encoding import find_encoder
from .reading import read_array

VALUE_KEYS = ('dtype', 'scale', 'offset', 'channels', 'size', 'encode')


def file_list(paths: str | Sequence[str] | None) -> list[str]:
    """Return the files of a modality: none, one or several."""
    return [paths] if isinstance(paths, str) else list(paths or ())


def check_format(name: str, form: Mapping[str, Any]) -> None:
    """Raise ``TypeError`` or ``ValueError`` for a format that cannot work."""
    scale_by_dtype(form)
    if form.get('encode'):
        DepthEncoder(**form['encode'])
    channels = form.get('channels', [0])
    if channels == 'rgb':
        return
    if not channels or isinstance(channels, str) or min(channels) < 0:
        raise ValueError(
            f"`channels` in the format of '{name}' must be 'rgb' or list "
            f'channels of the file, from 0, got {channels!r}; check `formats`'
        )


def scale_by_dtype(form: Mapping[str, Any]) -> dict[str, float]:
    """Return the dtypes that a format takes, each with its scale.

    Raises:
        TypeError: no such dtype.
    """
    scale = form.get('scale', 1.0)
    if not isinstance(scale, Mapping):
        scale = {form.get('dtype', 'uint8'): scale}
    return {str(np.dtype(dtype)): value for dtype, value in scale.items()}


def load_modality(
    files: Sequence[str],
    modality: Modality,
    form: Mapping[str, Any],
    columns: tuple[int, int] | None = None,
    read: Callable[[str], np.ndarray] = read_array,
) -> np.ndarray:
    """Read one modality and check it against what is declared.

    Args:
        files: one file, or several whose channels are stacked in this order.
        modality: name and number of channels.
        form: see above.
        columns: first column that is taken, and the one after the last.
        read: from a path to (H, W, C).

    Returns:
        (H, W, C) uint8 or float32.

    Raises:
        ValueError: wrong dtype, wrong number of channels, too few columns,
            files of different sizes, NaN or infinity.
    """
    encoder, stored = find_encoder(form, modality), modality
    if encoder:
        stored = replace(modality, channels=1, mean=(0.0,), std=(1.0,))
    arrays = [_load_file(file, stored, form, read) for file in files]
    if len({array.shape[:2] for array in arrays}) > 1:
        raise ValueError(
            f"file '{files[0]}' and the others of modality '{modality.name}' "
            f'differ in size: {[a.shape[:2] for a in arrays]}; copy them again'
        )
    array = np.concatenate(arrays, axis=2) if len(arrays) > 1 else arrays[0]
    if array.shape[2] != stored.channels:
        raise ValueError(_other_channels(files[0], array.shape[2], stored))
    if encoder:
        array = encoder(array)
    return cut_columns(array, columns, files[0])


def cut_columns(
    array: np.ndarray, columns: tuple[int, int] | None, path: str
) -> np.ndarray:
    """Return the columns of (H, W, C) that the data set takes."""
    if columns is None:
        return array
    first, end = columns
    if array.shape[1] < end:
        raise ValueError(
            f"file '{path}' has {array.shape[1]} columns, but the data set "
            f'takes {first} to {end - 1}; change its `columns`, or copy the '
            'original file again'
        )
    return array[:, first:end]


def _load_file(
    path: str,
    modality: Modality,
    form: Mapping[str, Any],
    read: Callable[[str], np.ndarray],
) -> np.ndarray:
    array, scales = read(path), scale_by_dtype(form)
    dtype, name = str(array.dtype), modality.name
    if dtype not in scales:
        raise ValueError(
            f"file '{path}' holds {dtype}, but modality '{name}' is declared "
            f'as {" or ".join(scales)}; set `formats=dict({name}=dict('
            f"dtype='{dtype}', scale=...))` of the data set"
        )
    array = _taken(array, form.get('channels'), path, modality)
    if array.dtype.kind == 'f' and not np.isfinite(array).all():
        raise ValueError(
            f"file '{path}' of modality '{name}' holds NaN or infinity; fill "
            'these pixels (0 is usual for holes in depth)'
        )
    array = _fitted(array, form.get('size'))
    return _to_unit(array, scales[dtype], form.get('offset', 0.0))


def _taken(
    array: np.ndarray, channels: Any, path: str, modality: Modality
) -> np.ndarray:
    if channels is None:
        return array
    count, wanted = array.shape[2], channels
    if wanted == 'rgb':
        wanted = [0, 0, 0] if count == 1 else [0, 1, 2]
    if max(wanted) >= count or len(wanted) > modality.channels:
        raise ValueError(_other_channels(path, count, modality, channels))
    return np.take(array, wanted, axis=2)


def _other_channels(
    path: str, count: int, modality: Modality, channels: Any = None
) -> str:
    taken = '' if channels is None else f' and takes {channels} of them'
    return (
        f"file '{path}' has {count} channels, but modality '{modality.name}' "
        f'has {modality.channels}{taken}; change `channels` in `modalities`, '
        'or say which channels of the file to take by `formats=dict('
        f'{modality.name}=dict(channels=[...]))`'
    )


def _fitted(array: np.ndarray, size: Sequence[int] | None) -> np.ndarray:
    if size is None or array.shape[:2] == tuple(size):
        return array
    height, width = size
    fitted = cv2.resize(
        array, (width, height), interpolation=cv2.INTER_NEAREST_EXACT
    )
    return fitted.reshape(height, width, array.shape[2])


def _to_unit(array: np.ndarray, scale: float, offset: float) -> np.ndarray:
    if array.dtype == np.uint8 and (scale, offset) == (1, 0):
        return array
    array = array.astype(np.float32)
    array *= np.float32(scale)
    array += np.float32(offset)
    return array

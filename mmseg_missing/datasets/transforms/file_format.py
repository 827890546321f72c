"""From files to one modality in its own unit, as its format tells.

A format is a dict that says only what differs from the defaults:

- ``dtype`` of the files: 'uint8'.
- ``scale`` (1) and ``offset`` (0): the value in its unit is
  ``raw * scale + offset``. Where files come in several dtypes, ``scale`` is
  a dict with one scale for each.
- ``nodata``: a stored value, or several, that mark pixels without one (0 of
  a depth camera, -9999, 'nan'). They become the modality's mean, which is 0
  after normalisation; where depth is encoded, they are holes for the
  encoder, and the mean in what it returns. Default: none; a TIFF that
  itself says which of its values mark such pixels is refused without it,
  and ``nodata=[]`` takes them for numbers.
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
from numbers import Real
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from mmseg_missing.modality import Modality
from mmseg_missing.remote import Remote
from mmseg_missing.values import listed, real, whole

from ..depth import DepthEncoder
from .encoding import find_encoder
from .reading import nodata_of, read_array

File: TypeAlias = str | Path | Remote

VALUE_KEYS = (
    'dtype',
    'scale',
    'offset',
    'nodata',
    'channels',
    'size',
    'encode',
)
ENCODE_KEYS = {'encoding', 'camera'}
# No sensor measures so much; -3.4e38 marks a pixel without a value.
LARGEST = np.float32(1e30)


def file_list(paths: str | Sequence[str] | None) -> list[str]:
    """Return the files of a modality: none, one or several."""
    return [paths] if isinstance(paths, str) else list(paths or ())


def check_format(name: str, form: Mapping[str, Any]) -> None:
    """Raise ``TypeError`` or ``ValueError`` for a format that cannot work."""
    key = f'formats.{name}'
    for dtype, scale in scale_by_dtype(form).items():
        if np.dtype(dtype).kind not in 'buif':
            raise ValueError(
                f'`{key}.dtype` takes real numbers, got {dtype}; write files '
                'of another dtype'
            )
        if real(f'{key}.scale', scale) == 0:
            raise ValueError(f'`{key}.scale` must not be 0')
    real(f'{key}.offset', form.get('offset', 0.0))
    for value in _nodata(form):
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(
                f"`{key}.nodata` takes a number, 'nan' or a list of them, got "
                f'{value!r}'
            )
    if form.get('size') is not None:
        _check_size(f'{key}.size', form['size'])
    _check_encode(f'{key}.encode', form.get('encode'))
    _check_channels(name, form.get('channels', [0]))


def _check_size(key: str, size: Any) -> None:
    sides = [whole(key, side, least=1) for side in listed(key, size)]
    if len(sides) != 2:
        raise ValueError(f'`{key}` takes (height, width), got {size}')


def _check_encode(key: str, encode: Any) -> None:
    if encode is None:
        return
    if not isinstance(encode, Mapping) or not encode.keys() <= ENCODE_KEYS:
        raise TypeError(
            f'`{key}` takes a dict of {sorted(ENCODE_KEYS)}, got {encode!r}'
        )
    if 'encoding' not in encode:
        raise ValueError(f'`{key}` needs `encoding`, got {encode!r}')
    DepthEncoder(**encode)


def _check_channels(name: str, channels: Any) -> None:
    if channels is None or channels == 'rgb':
        return
    is_list = isinstance(channels, Sequence) and not isinstance(channels, str)
    if (
        not is_list
        or not channels
        or not all(type(c) is int and c >= 0 for c in channels)
    ):
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
    return {_dtype_name(dtype): value for dtype, value in scale.items()}


def _dtype_name(dtype: Any) -> str:
    """Return a dtype's name in the machine's byte order."""
    try:
        if dtype is None:  # which NumPy takes for float64
            raise TypeError
        return str(np.dtype(dtype).newbyteorder('='))
    except TypeError as error:
        raise TypeError(
            "`dtype` of a format takes a NumPy dtype such as 'uint16', got "
            f'{dtype!r}; check `formats`'
        ) from error


def _nodata(form: Mapping[str, Any]) -> list[Any]:
    values = form.get('nodata')
    if values is None:
        return []
    values = values if isinstance(values, (list, tuple)) else [values]
    return [float('nan') if value == 'nan' else value for value in values]


def nodata_in_unit(form: Mapping[str, Any]) -> list[float]:
    """Return what marks pixels without a value, once scaled and offset.

    Of a format with several dtypes each one's scale gives such a value.
    """
    values, offset = np.array(_nodata(form), np.float64), form.get('offset', 0)
    return [
        float(np.float32(value) * np.float32(scale) + np.float32(offset))
        for scale in scale_by_dtype(form).values()
        for value in values
    ]


def nodata_within(form: Mapping[str, Any]) -> list[float]:
    """Return how near each of :func:`nodata_in_unit` counts as the same.

    Somebody else's product, quotient or sum rounds to a neighbour of it; of
    stored values as they are nothing is rounded.
    """
    values, offset = np.array(_nodata(form), np.float64), form.get('offset', 0)
    rounding = 4 * float(np.finfo(np.float32).eps)
    return [
        rounding * (abs(value * scale) + abs(offset))
        if np.isfinite(value) and (scale, offset) != (1, 0)
        else 0.0
        for scale in scale_by_dtype(form).values()
        for value in values.tolist()
    ]


def is_nodata(
    array: np.ndarray,
    values: Sequence[Any],
    within: Sequence[float] | None = None,
) -> np.ndarray:
    """Return where an array holds one of these values, NaN included.

    Args:
        array: Any shape.
        values: The values.
        within: How far off each may be; default: not at all.
    """
    found = np.zeros(array.shape, bool)
    for value, far in zip(values, within or [0] * len(values), strict=True):
        if value != value:  # NaN alone differs from itself
            found |= array != array
        elif far:
            found |= np.abs(array - value) <= far
        else:
            found |= array == value
    return found


def load_modality(
    files: Sequence[File],
    modality: Modality,
    form: Mapping[str, Any],
    columns: tuple[int, int] | None = None,
    read: Callable[[File], np.ndarray] = read_array,
    declared: Callable[[File], float | None] = nodata_of,
) -> np.ndarray:
    """Read one modality and check it against what is declared.

    Args:
        files: one file, or several whose channels are stacked in this order.
        modality: name and number of channels.
        form: see above.
        columns: first column that is taken, and the one after the last.
        read: from a path to (H, W, C).
        declared: from a path to what the file itself calls "no data".

    Returns:
        (H, W, C) uint8 or float32.

    Raises:
        ValueError: wrong dtype, wrong number of channels, too few columns,
            files of different sizes, NaN or infinity.
    """
    encoder, stored = find_encoder(form, modality), modality
    if encoder:
        stored = replace(modality, channels=1, mean=(0.0,), std=(1.0,))
    loaded = [_load_file(file, stored, form, read, declared) for file in files]
    arrays, holes = zip(*loaded, strict=True)
    if len({array.shape[:2] for array in arrays}) > 1:
        raise ValueError(
            f"file '{files[0]}' and the others of modality '{modality.name}' "
            f'differ in size: {[a.shape[:2] for a in arrays]}; copy them again'
        )
    array, hole = _joined(arrays), _joined(holes)
    if array.shape[2] != stored.channels:
        raise ValueError(_other_channels(files[0], array.shape[2], stored))
    if _nodata(form):
        array = np.where(hole, np.float32(stored.mean), array)
    if encoder:
        array = encoder(array)
        if _nodata(form):
            array = np.where(hole, np.float32(modality.mean), array)
    return cut_columns(array, columns, files[0])


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays, axis=2) if len(arrays) > 1 else arrays[0]


def cut_columns(
    array: np.ndarray, columns: tuple[int, int] | None, path: File
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
    path: File,
    modality: Modality,
    form: Mapping[str, Any],
    read: Callable[[File], np.ndarray],
    declared: Callable[[File], float | None],
) -> tuple[np.ndarray, np.ndarray]:
    """Return values in their unit, and where ``nodata`` stands instead."""
    array, scales = read(path), scale_by_dtype(form)
    dtype, name = str(array.dtype), modality.name
    if dtype not in scales:
        raise ValueError(
            f"file '{path}' holds {dtype}, but modality '{name}' is declared "
            f'as {" or ".join(scales)}; set `formats=dict({name}=dict('
            f"dtype='{dtype}', scale=...))` of the data set"
        )
    array = _taken(array, form.get('channels'), path, modality)
    array = _fitted(array, form.get('size'))
    holes = is_nodata(array, _nodata(form))
    if form.get('nodata') is None:
        _check_declared(array, declared(path), path, name)
    array = _to_unit(array, scales[dtype], form.get('offset', 0.0))
    if array.dtype.kind == 'f':
        # NaN compares as False; this allocates less than isfinite does.
        is_number = np.abs(array) < LARGEST
        if not (is_number | holes).all():
            raise ValueError(
                f"file '{path}' of modality '{name}' holds NaN, infinity or "
                f'numbers beyond {LARGEST:g}; fill these pixels, or declare '
                'the stored value that marks them by `formats=dict('
                f'{name}=dict(nodata=...))`'
            )
    return array, holes


def _check_declared(
    array: np.ndarray, value: float | None, path: File, name: str
) -> None:
    """Refuse pixels that the file itself declares to have no value."""
    if value is None or not is_nodata(array, [value]).any():
        return
    text = repr(value).removesuffix('.0')
    text = "'nan'" if text == 'nan' else text
    raise ValueError(
        f"file '{path}' says that {text} marks pixels without a value, which "
        f"modality '{name}' would take for a measurement; set `formats=dict("
        f'{name}=dict(nodata={text}))`, or `nodata=[]` to take it so'
    )


def _taken(
    array: np.ndarray, channels: Any, path: File, modality: Modality
) -> np.ndarray:
    if channels is None:
        return array
    count, wanted = array.shape[2], channels
    if wanted == 'rgb':
        wanted = [0, 0, 0] if count < 3 else [0, 1, 2]
    if max(wanted) >= count or len(wanted) > modality.channels:
        raise ValueError(_other_channels(path, count, modality, channels))
    return np.take(array, wanted, axis=2)


def _other_channels(
    path: File, count: int, modality: Modality, channels: Any = None
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
    rows, columns = (
        (np.arange(wanted) * 2 + 1) * got // (2 * wanted)
        for wanted, got in zip(size, array.shape[:2], strict=True)
    )
    return array[rows[:, None], columns]


def _to_unit(array: np.ndarray, scale: float, offset: float) -> np.ndarray:
    if array.dtype == np.uint8 and (scale, offset) == (1, 0):
        return array
    with np.errstate(over='ignore', invalid='ignore'):  # the caller checks
        array = array.astype(np.float32)
        array *= np.float32(scale)
        array += np.float32(offset)
    return array

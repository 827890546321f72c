"""Load the modalities and the label of one sample."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmseg_missing.modality import Modality, Stack

from .encoding import find_encoder
from .reading import read_array

IGNORE = 255


@TRANSFORMS.register_module()
class LoadModalities(BaseTransform):
    """Read every modality's file as ``(H, W, C)`` in its own unit.

    The data set says how a file is stored: ``results['modality_formats']``
    maps a name to ``dict(dtype='uint8', scale=1.0, offset=0.0)``, where
    ``raw * scale + offset`` is the value in its unit (metres for depth).
    8-bit files with scale 1 stay uint8, all else becomes float32. With
    ``channels=[3]`` a modality is these channels of a file, which is read
    once for all the modalities that it holds.

    Args:
        modalities: the stack.
        absent_file: ``'error'``, or ``'missing'`` to mark a file that is
            really absent as not present (its values are zeros).
    """

    def __init__(
        self, modalities: Sequence[dict], absent_file: str = 'error'
    ) -> None:
        if absent_file not in ('error', 'missing'):
            raise ValueError(
                "`absent_file` of LoadModalities must be 'error' or "
                f"'missing', got {absent_file!r}"
            )
        self.stack = Stack(modalities)
        self.absent_file = absent_file

    def transform(self, results: dict) -> dict:
        """Add ``modalities``, ``present``, ``img_shape`` and ``ori_shape``."""
        paths = {m.name: self._path(results, m.name) for m in self.stack}
        formats = results.get('modality_formats', {})
        read = cache(read_array)
        arrays = {
            m.name: load_modality(
                paths[m.name], m, formats.get(m.name, {}), read
            )
            for m in self.stack
            if self.absent_file == 'error' or Path(paths[m.name]).is_file()
        }
        height, width = _common_size(arrays, paths)
        results['modalities'] = {
            m.name: arrays[m.name]
            if m.name in arrays
            else np.zeros((height, width, m.channels), np.float32)
            for m in self.stack
        }
        results['present'] = {m.name: m.name in arrays for m in self.stack}
        results['img_shape'] = results['ori_shape'] = (height, width)
        return results

    def _path(self, results: dict, name: str) -> str:
        if name not in results['modality_paths']:
            raise KeyError(
                f'the data set gives {list(results["modality_paths"])}, not '
                f"'{name}'; give it the same `modalities` as LoadModalities"
            )
        path = results['modality_paths'][name]
        if path is None and self.absent_file == 'error':
            raise FileNotFoundError(
                f"a sample has no '{name}', only "
                f'{list(filter(None, results["modality_paths"].values()))}; '
                "`absent_file='missing'` of LoadModalities takes it"
            )
        return path or ''


@TRANSFORMS.register_module()
class LoadLabel(BaseTransform):
    """Read the label map: one class index per pixel, 255 = ignore.

    With the data set's ``reduce_zero_label`` the file counts classes from 1
    and 0 is void; the file may then not hold more than ``num_classes``. An
    image without a label file (``labelled`` is False) gets 255 everywhere.

    Args:
        num_classes: number of classes in the files.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes

    def transform(self, results: dict) -> dict:
        """Add ``gt_seg_map``, (H, W) uint8."""
        if results.get('labelled', True):
            label = self._load(results)
        else:
            label = np.full(results['ori_shape'], IGNORE, np.uint8)
        results['gt_seg_map'] = label
        results['seg_fields'] = [*results.get('seg_fields', []), 'gt_seg_map']
        return results

    def _load(self, results: dict) -> np.ndarray:
        path = results['seg_map_path']
        raw = self._read(path, results['ori_shape'])
        label = raw
        if results.get('reduce_zero_label'):
            label = np.where(raw == IGNORE, IGNORE, raw - np.uint8(1))
        outside = (label >= self.num_classes) & (label != IGNORE)
        if outside.any():
            raise ValueError(self._outside(path, raw[outside].max(), results))
        return _remap(label, results.get('label_map'))

    def _read(self, path: str, shape: tuple[int, int]) -> np.ndarray:
        array = read_array(path)
        if array.dtype != np.uint8 or array.shape[2] != 1:
            raise ValueError(
                f"label '{path}' must be 8-bit with one channel, got "
                f'{array.dtype} with {array.shape[2]}; write class indices '
                'as a grey png'
            )
        if array.shape[:2] != tuple(shape):
            raise ValueError(
                f"label '{path}' is {_size(array.shape)}, but its modalities "
                f'are {_size(shape)}; resize it with nearest neighbour'
            )
        return array[..., 0]

    def _outside(self, path: str, value: int, results: dict) -> str:
        first = int(bool(results.get('reduce_zero_label')))
        last = self.num_classes - 1 + first
        return (
            f"label '{path}' holds the value {value}, outside the classes "
            f'{first}..{last}; check `num_classes` and `reduce_zero_label`, '
            'or repair the file'
        )


def load_modality(
    path: str,
    modality: Modality,
    form: dict,
    read: Callable[[str], np.ndarray] = read_array,
) -> np.ndarray:
    """Read one modality and check it against what is declared.

    Args:
        path: the file.
        modality: name and number of channels.
        form: ``dtype`` of the file, ``scale`` and ``offset`` to its unit,
            ``channels`` of the file, and ``encode`` for depth that is encoded.
        read: from a path to (H, W, C).

    Returns:
        (H, W, C) uint8 or float32.

    Raises:
        ValueError: wrong dtype, wrong number of channels, NaN or infinity.
    """
    array = read(path)
    dtype, name = form.get('dtype', 'uint8'), modality.name
    if array.dtype != np.dtype(dtype):
        raise ValueError(
            f"file '{path}' holds {array.dtype}, but modality '{name}' is "
            f'declared as {dtype}; set `formats=dict({name}=dict('
            f"dtype='{array.dtype}', scale=...))` of the data set"
        )
    encoder = find_encoder(form, modality)
    wanted = 1 if encoder else modality.channels
    channels = form.get('channels', range(array.shape[2]))
    if max(channels) >= array.shape[2] or len(channels) != wanted:
        raise ValueError(
            f"file '{path}' has {array.shape[2]} channels, but modality "
            f"'{name}' has {wanted}{_taken(form)}; change "
            '`channels` in `modalities`, or say which channels of the file '
            f'to take by `formats=dict({name}=dict(channels=[...]))`'
        )
    if 'channels' in form:
        array = np.take(array, channels, axis=2)
    if array.dtype.kind == 'f' and not np.isfinite(array).all():
        raise ValueError(
            f"file '{path}' of modality '{name}' holds NaN or infinity; fill "
            'these pixels (0 is usual for holes in depth)'
        )
    array = _to_unit(array, form.get('scale', 1.0), form.get('offset', 0.0))
    return encoder(array) if encoder else array


def _taken(form: dict) -> str:
    taken = form.get('channels')
    return f' and takes {list(taken)} of them' if taken else ''


def _to_unit(array: np.ndarray, scale: float, offset: float) -> np.ndarray:
    if array.dtype == np.uint8 and (scale, offset) == (1, 0):
        return array
    array = array.astype(np.float32)
    array *= np.float32(scale)
    array += np.float32(offset)
    return array


def _common_size(
    arrays: dict[str, np.ndarray], paths: dict[str, str]
) -> tuple[int, int]:
    if not arrays:
        raise FileNotFoundError(
            f'not one modality of this sample exists: {list(paths.values())}; '
            'check `data_root` of the data set'
        )
    first = next(iter(arrays))
    size = arrays[first].shape[:2]
    for name, array in arrays.items():
        if array.shape[:2] != size:
            raise ValueError(
                f"file '{paths[name]}' is {_size(array.shape)}, but "
                f"'{paths[first]}' is {_size(size)}; bring all modalities of "
                'a sample to one size'
            )
    return size


def _size(shape: Sequence[int]) -> str:
    return f'{shape[0]} x {shape[1]} (height x width)'


def _remap(label: np.ndarray, label_map: dict | None) -> np.ndarray:
    """Apply MMSegmentation's ``label_map`` (old index to new index)."""
    if not label_map:
        return label
    table = np.arange(256, dtype=np.uint8)
    table[list(label_map)] = list(label_map.values())
    return table[label]

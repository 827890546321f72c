"""Load the modalities and the label of one sample."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmseg_missing.modality import Stack
from mmseg_missing.remote import checked_backend, located
from mmseg_missing.values import VOID, choice, flag, whole

from .caching import NodataReader, reader
from .file_format import File, cut_columns, file_list, load_modality
from .reading import read_array, read_label


@TRANSFORMS.register_module()
class LoadModalities(BaseTransform):
    """Read every modality's file as ``(H, W, C)`` in its own unit.

    The data set says how a file is stored: ``results['modality_formats']``
    maps a name to ``dict(dtype='uint8', scale=1.0, offset=0.0)``, where
    ``raw * scale + offset`` is the value in its unit (metres for depth).
    8-bit files with scale 1 stay uint8, all else becomes float32.
    ``file_format.py`` has all keys. A path may be a list of several, whose
    channels are stacked; a file that holds several modalities is read once.
    What ``results['absent']`` names is not present, whatever there is.

    Args:
        modalities: the stack.
        absent_file: ``'error'``, or ``'missing'`` to mark a file that is
            really absent as not present (its values are zeros).
        cache_dir: folder that keeps decoded files; see
            :class:`~mmseg_missing.datasets.transforms.caching.CachedReader`.
        backend_args: of MMEngine's file backend; default: the data set's.

    >>> from tempfile import TemporaryDirectory
    >>> from pathlib import Path
    >>> from mmseg_missing.visualization.pictures import write_picture
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, 'frame.png')
    ...     write_picture(path, np.full((4, 6, 3), 99, np.uint8))
    ...     results = {'modality_paths': {'rgb': str(path)}}
    ...     found = LoadModalities([dict(name='rgb')])(results)
    >>> found['modalities']['rgb'].shape, found['present']
    ((4, 6, 3), {'rgb': True})
    """

    def __init__(
        self,
        modalities: Sequence[dict],
        absent_file: str = 'error',
        cache_dir: str | None = None,
        backend_args: Mapping[str, Any] | None = None,
    ) -> None:
        self.stack = Stack(modalities)
        self.absent_file = choice(
            'LoadModalities.absent_file', absent_file, ('error', 'missing')
        )
        self.read = reader(cache_dir, read_array)
        self.declared = NodataReader(cache_dir)
        self.backend_args = checked_backend(backend_args)

    def transform(self, results: dict) -> dict:
        """Add ``modalities``, ``present``, ``img_shape`` and ``ori_shape``."""
        place = cache(lambda file: located(file, self.backend_args))
        absent = results.get('absent', ())
        files = {
            m.name: [place(f) for f in self._files(results, m.name)]
            for m in self.stack
            if m.name not in absent
        }
        self._check_there(files)
        formats = results.get('modality_formats', {})
        columns = results.get('columns')
        read = cache(self.read)
        arrays = {
            m.name: load_modality(
                files[m.name],
                m,
                formats.get(m.name, {}),
                columns,
                read,
                self.declared,
            )
            for m in self.stack
            if m.name in files and self._is_there(files[m.name])
        }
        height, width = _common_size(arrays, files)
        results['modalities'] = {
            m.name: arrays[m.name]
            if m.name in arrays
            else np.zeros((height, width, m.channels), np.float32)
            for m in self.stack
        }
        results['present'] = {m.name: m.name in arrays for m in self.stack}
        results['img_shape'] = results['ori_shape'] = (height, width)
        return results

    def _is_there(self, files: Sequence[File]) -> bool:
        if self.absent_file == 'error':
            return True  # or reading says so
        return bool(files) and all(file.is_file() for file in files)

    def _files(self, results: dict, name: str) -> list[str]:
        if name not in results['modality_paths']:
            raise KeyError(
                f'the data set gives {list(results["modality_paths"])}, not '
                f"'{name}'; give it the same `modalities` as LoadModalities"
            )
        files = file_list(results['modality_paths'][name])
        if not files and self.absent_file == 'error':
            raise FileNotFoundError(
                f"a sample has no '{name}', only "
                f'{list(filter(None, results["modality_paths"].values()))}; '
                "`absent_file='missing'` of LoadModalities takes it"
            )
        return files

    def _check_there(self, files: Mapping[str, Sequence[File]]) -> None:
        """Refuse files of this disk that are absent; reading tells others."""
        for name, some in files.items() if self.absent_file == 'error' else ():
            for file in some:
                if isinstance(file, Path) and not file.is_file():
                    raise FileNotFoundError(
                        f"file '{file}' of '{name}' does not exist; check "
                        '`data_root` of the data set, or take samples without '
                        f"'{name}' by `absent_file='missing'` of "
                        'LoadModalities'
                    )


@TRANSFORMS.register_module()
class LoadLabel(BaseTransform):
    """Read the label map: one class index per pixel, 255 = ignore.

    Stored samples are the indices, whatever the file's bits: a PNG of one
    bit holds 0 and 1. With the data set's ``reduce_zero_label`` the file
    counts classes from 1 and 0 is void; the file may then not hold more than
    ``num_classes``. With its ``label_channel`` a file may have several
    channels, of which this one holds the class. An image without a label
    file (``labelled`` is False) gets 255 everywhere.

    Args:
        num_classes: number of classes in the files.
        cache_dir: as in :class:`LoadModalities`.
        palette: whether the indices that a file with a palette stores are
            the classes; such files are refused otherwise.
        values: stored value to class index or 255, where they differ:
            ``{0: 0, 255: 1}`` for a mask. Where files have three channels
            of bytes, their colours: ``{0x000000: 0, 0xff0000: 1}``, red
            first. A value that it does not list is an error.
        backend_args: as in :class:`LoadModalities`.

    Raises:
        TypeError, ValueError: an argument that cannot work.
    """

    def __init__(
        self,
        num_classes: int,
        cache_dir: str | None = None,
        palette: bool = False,
        values: Mapping[int, int] | None = None,
        backend_args: Mapping[str, Any] | None = None,
    ) -> None:
        self.num_classes = whole('LoadLabel.num_classes', num_classes, 1, 255)
        flag('LoadLabel.palette', palette)
        self.read = reader(cache_dir, read_label, palette=palette)
        self.backend_args = checked_backend(backend_args)
        self.values = None if values is None else self._checked(values)

    def _checked(self, values: Mapping[int, int]) -> dict[int, int]:
        if not isinstance(values, Mapping) or not values:
            raise TypeError(
                '`LoadLabel.values` maps stored values to classes, such as '
                f'{{0: 0, 255: 1}}, got {values!r}'
            )
        indices = {
            whole('LoadLabel.values', stored): whole(
                f'LoadLabel.values[{stored}]', index, 0, VOID
            )
            for stored, index in values.items()
        }
        outside = set(indices.values()) - {*range(self.num_classes), VOID}
        if outside:
            raise ValueError(
                f'`LoadLabel.values` gives class {min(outside)}, but '
                f'num_classes={self.num_classes}; use 0 to '
                f'{self.num_classes - 1}, or {VOID} to ignore'
            )
        return indices

    def transform(self, results: dict) -> dict:
        """Add ``gt_seg_map``, (H, W) uint8."""
        if 'ori_shape' not in results:
            raise KeyError(
                'LoadLabel needs the size of the image; put LoadModalities '
                'before it'
            )
        if results.get('labelled', True):
            label = self._load(results)
        else:
            label = np.full(results['ori_shape'], VOID, np.uint8)
        results['gt_seg_map'] = label
        results['seg_fields'] = [*results.get('seg_fields', []), 'gt_seg_map']
        return results

    def _load(self, results: dict) -> np.ndarray:
        path = results['seg_map_path']
        raw = self._read(path, results)
        label = self._indices(raw, path, results)
        outside = (label != VOID) & ((label < 0) | (label >= self.num_classes))
        if outside.any():
            raise ValueError(self._outside(path, raw[outside].max(), results))
        return _remap(label.astype(np.uint8), results.get('label_map'))

    def _indices(
        self, raw: np.ndarray, path: str, results: dict
    ) -> np.ndarray:
        zero_is_void = bool(results.get('reduce_zero_label'))
        if self.values is None:
            if not zero_is_void:
                return raw
            return np.where(
                raw == 0, VOID, np.where(raw == VOID, raw, raw - 1)
            )
        if zero_is_void:
            raise ValueError(
                '`values` of LoadLabel gives the class of 0, and so does '
                '`reduce_zero_label` of the data set; set one of them'
            )
        known = np.array(sorted(self.values))
        place = np.searchsorted(known, raw).clip(max=len(known) - 1)
        unlisted = raw[known[place] != raw]
        if unlisted.size:
            value = unlisted.max()
            colour = f' (0x{value:06x})' if value > 0xFFFF else ''
            raise ValueError(
                f"label '{path}' holds the value {value}{colour}, which "
                f'`values` of LoadLabel does not list ({list(self.values)}); '
                'give it a class, or 255 to ignore it'
            )
        return np.array([self.values[value] for value in known])[place]

    def _read(self, path: str, results: dict) -> np.ndarray:
        array = self.read(located(path, self.backend_args))
        channel = results.get('label_channel')
        if channel is not None:
            array = array[..., channel : channel + 1]
        if self.values is not None and _is_colour(array):
            array = packed_colours(array)
        if array.dtype.kind not in 'bui' or array.shape[2] != 1:
            raise ValueError(
                f"label '{path}' must hold whole numbers in one channel, got "
                f'{array.dtype} with {array.shape[2]}; write class indices '
                'as a grey PNG, or give the class of each colour by `values` '
                'of LoadLabel, as {0x000000: 0, 0xff0000: 1}'
            )
        array = cut_columns(array, results.get('columns'), path)
        shape = results['ori_shape']
        if array.shape[:2] != tuple(shape):
            raise ValueError(
                f"label '{path}' is {_size(array.shape)}, but its modalities "
                f'are {_size(shape)}; resize it with nearest neighbour'
            )
        array = array[..., 0]
        return array.astype(np.uint8) if array.dtype == bool else array

    def _outside(self, path: str, value: int, results: dict) -> str:
        first = int(bool(results.get('reduce_zero_label')))
        last = self.num_classes - 1 + first
        return (
            f"label '{path}' holds the value {value}, outside the classes "
            f'{first}..{last}; check `num_classes` and `reduce_zero_label`, '
            'set `values` of LoadLabel, or repair the file'
        )


def packed_colours(array: np.ndarray) -> np.ndarray:
    """Return (H, W, 1) ``0xRRGGBB`` of (H, W, 3) bytes.

    >>> packed_colours(np.uint8([[[255, 128, 0]]])).tolist() == [[[0xFF8000]]]
    True
    """
    return array.astype(np.int32) @ np.int32([[1 << 16], [1 << 8], [1]])


def _is_colour(array: np.ndarray) -> bool:
    return array.dtype == np.uint8 and array.shape[2] == 3


def _common_size(
    arrays: dict[str, np.ndarray], files: Mapping[str, Sequence[File]]
) -> tuple[int, int]:
    if not arrays:
        raise FileNotFoundError(
            'not one modality of this sample exists: '
            f'{[str(f) for some in files.values() for f in some]}; check '
            '`data_root` of the data set'
        )
    first = next(iter(arrays))
    size = arrays[first].shape[:2]
    for name, array in arrays.items():
        if array.shape[:2] != size:
            raise ValueError(
                f"file '{files[name][0]}' is {_size(array.shape)}, but "
                f"'{files[first][0]}' is {_size(size)}; bring all modalities "
                'of a sample to one size'
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

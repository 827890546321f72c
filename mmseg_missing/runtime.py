"""Run exported networks with numpy and onnxruntime alone.

This file may be copied: it imports nothing else of its package.

    >>> network = Runtime('exported/manifest.json')  # doctest: +SKIP
    >>> mask = network(dict(rgb=rgb))  # doctest: +SKIP
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

PRESENT = 'present'
FORMAT_VERSION = 1
NEEDED = ('format_version', 'format', 'output', 'modalities', 'files')


class Runtime:
    """Segments images by the graph of what is present.

    Args:
        manifest: File that ``mmseg-missing export`` wrote, or its folder.
        threads: Number of threads of ONNX Runtime; default: all cores.
        providers: Providers of ONNX Runtime; default: the CPU.

    Attributes:
        manifest: What the file says: modalities, units, classes, palette.
        names: The modalities, in order.

    Raises:
        FileNotFoundError: no such file, or a graph that it names.
        ImportError: no onnxruntime.
        ValueError: a file that is no manifest of this version.
    """

    def __init__(
        self,
        manifest: str | Path,
        threads: int | None = None,
        providers: tuple[str, ...] = ('CPUExecutionProvider',),
    ) -> None:
        path = Path(manifest)
        path = path / 'manifest.json' if path.is_dir() else path
        self.manifest = _read(path)
        self._folder, self._threads = path.parent, threads or 0
        self._providers = list(providers)
        self._modalities = {m['name']: m for m in self.manifest['modalities']}
        self.names = tuple(self._modalities)
        self._sessions: dict[str, Any] = {}

    def __call__(
        self, images: Mapping[str, np.ndarray | None], mask: bool = True
    ) -> np.ndarray:
        """Return the class of every pixel.

        Args:
            images: One array per modality that is there, (h, w), (h, w, C)
                or a batch (n, h, w, C), in the unit that the manifest names.
                What is left out or None is absent.
            mask: Return classes; else logits, where the graph gives them.

        Returns:
            (h, w) or (n, h, w) uint8, or logits (classes, h, w) or
            (n, classes, h, w) float32.

        Raises:
            TypeError: no dict of arrays of numbers.
            ValueError: nothing present, an unknown modality, a wrong size or
                number of channels, NaN, or no graph for what is present.
        """
        given = self._given(images)
        arrays = {name: self._array(name, x) for name, x in given.items()}
        is_batch = next(np.ndim(x) for x in given.values()) == 4
        shapes = {n: (len(x), *x.shape[2:]) for n, x in arrays.items()}
        if len(set(shapes.values())) > 1:
            raise ValueError(
                f'all modalities need one size, got {shapes}; resize them '
                'before'
            )
        shape = next(iter(shapes.values()))
        key = self.graph_of(arrays)
        self._check_shape(key, shape)
        if key == PRESENT:
            arrays = self._completed(arrays, shape)
        (result,) = self._session(key).run(None, arrays)
        if self.manifest['output'] == 'mask' and not mask:
            raise ValueError(
                'these graphs return masks, not logits; export again without '
                '--argmax'
            )
        if self.manifest['output'] == 'logits' and mask:
            result = classes_of(result)
        return result if is_batch else result[0]

    def graph_of(self, present: Mapping | list | tuple) -> str:
        """Return the name of the graph that serves what is present.

        The one of exactly this combination, else one that serves all.

        Raises:
            ValueError: no graph.
        """
        here = [name for name in self.names if name in present]
        files = self.manifest['files']
        if '+'.join(here) in files:
            return '+'.join(here)
        if PRESENT in files:
            return PRESENT
        raise ValueError(
            f'no graph for {"+".join(here)}, only for {", ".join(files)}; '
            'leave out what these do not take, or export with --all or '
            '--present-input'
        )

    def _given(self, images: Any) -> dict[str, Any]:
        """Return what is there, in stack order."""
        if not isinstance(images, Mapping):
            raise TypeError(
                f'images are a dict of arrays for {"+".join(self.names)}, got '
                f'{type(images).__name__}'
            )
        for name in images:
            if name not in self._modalities:
                raise ValueError(
                    f'unknown modality {name!r}; this network has '
                    f'{"+".join(self.names)}'
                )
        given = {n: images[n] for n in self.names if images.get(n) is not None}
        if not given:
            raise ValueError(
                'nothing is present; give at least one modality of '
                f'{"+".join(self.names)}'
            )
        return given

    def _array(self, name: str, values: Any) -> np.ndarray:
        """Return (n, C, h, w) float32, checked."""
        array = np.asarray(values)
        if array.dtype.kind not in 'buif':
            raise TypeError(
                f'modality {name!r} takes an array of numbers, got '
                f'{array.dtype}'
            )
        if np.ma.is_masked(values):
            raise ValueError(
                f'modality {name!r} is an array with masked pixels, whose '
                'values mean nothing; fill them'
            )
        modality, shape = self._modalities[name], array.shape
        channels = modality['channels']
        array = array[..., None] if array.ndim == 2 else array
        array = array[None] if array.ndim == 3 else array
        if array.ndim != 4 or array.shape[3] != channels or not array.size:
            raise ValueError(
                f'modality {name!r} has shape {shape}, expected (h, w, '
                f'{channels}) or (n, h, w, {channels})'
            )
        array = _without_holes(array.astype(np.float32), modality)
        if not np.isfinite(array).all():
            raise ValueError(
                f'modality {name!r} holds NaN or infinity; fill these '
                'pixels, or leave it out'
            )
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2))

    def _check_shape(self, key: str, shape: tuple[int, ...]) -> None:
        """Refuse a batch or size that the graph was not made for."""
        entry, (n, h, w) = self.manifest['files'][key], shape
        if entry.get('batch') and n != entry['batch']:
            raise ValueError(
                f'the graph of {key} takes {entry["batch"]} image per call, '
                f'got {n}'
            )
        size = entry.get('size')
        if size and [h, w] != list(size):
            raise ValueError(
                f'the graph of {key} takes images of {size[0]}x{size[1]}, '
                f'got {h}x{w}; resize them, or export with --size {h} {w}'
            )
        multiple = self.manifest.get('multiple_of') or 1
        if h % multiple or w % multiple:
            raise ValueError(
                f'height and width must be multiples of {multiple}, got '
                f'{h}x{w}; pad them with the mean that the manifest names'
            )

    def _completed(
        self, arrays: dict[str, np.ndarray], shape: tuple[int, ...]
    ) -> dict[str, np.ndarray]:
        """Return all inputs of the graph that asks what is present."""
        n, h, w = shape
        zeros = {
            name: np.zeros((n, m['channels'], h, w), np.float32)
            for name, m in self._modalities.items()
        }
        flags = [[name in arrays for name in self.names]] * n
        return {**zeros, **arrays, PRESENT: np.array(flags)}

    def _session(self, key: str) -> Any:
        """Return what runs a graph, opened once."""
        if key not in self._sessions:
            path = self._folder / self.manifest['files'][key]['file']
            self._sessions[key] = open_graph(
                path, self._threads, self._providers
            )
        return self._sessions[key]


def open_graph(path: Path, threads: int, providers: list[str]) -> Any:
    """Return a session of ONNX Runtime.

    Raises:
        FileNotFoundError: no such file.
        ImportError: no onnxruntime.
        ValueError: a file that is no graph.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f'no graph {str(path)!r}; copy the whole folder, or export again'
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            'running ONNX files needs onnxruntime; pip install onnxruntime'
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers)
    except Exception as error:  # its errors have no class in common
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f'{str(path)!r} is no graph that onnxruntime runs ({reason}); '
            'export again'
        ) from error


def classes_of(logits: np.ndarray) -> np.ndarray:
    """Return (n, h, w) uint8 of logits (n, classes, h, w).

    The first one of equal ones wins.

    Raises:
        ValueError: one class, more than 256, or logits that are NaN.
    """
    count = logits.shape[1]
    if count > 256:
        raise ValueError(
            f'a mask of uint8 does not hold {count} classes; call with '
            'mask=False'
        )
    if count == 1:
        raise ValueError(
            'one logit says no class without its threshold; export with '
            '--argmax, or call with mask=False'
        )
    # Class by class: numpy's argmax over planes of an image is slow.
    largest = logits[:, 0].copy()
    classes = np.zeros(largest.shape, np.uint8)
    for index in range(1, count):
        wins = (logits[:, index] > largest).view(np.uint8)
        np.maximum(classes, wins * np.uint8(index), out=classes)
        np.maximum(largest, logits[:, index], out=largest)
    if np.isnan(largest).any():
        raise ValueError(
            'the graph gives logits that are no numbers; look at its weights '
            'and at the images with mask=False'
        )
    return classes


def _is_name(file: Any) -> bool:
    """Say whether a file lies beside its manifest, on any system."""
    is_text = isinstance(file, str) and file not in ('', '.', '..')
    return is_text and not set(file) & set('/\\:')


def _without_holes(array: np.ndarray, modality: dict[str, Any]) -> np.ndarray:
    """Put the mean where (n, h, w, C) has what marks pixels without value."""
    values = modality.get('nodata', ())
    # A scale rounds, here or in the program that brings the image.
    within = modality.get('nodata_within') or [0] * len(values)
    for value, far in zip(map(float, values), within):
        near = np.abs(array - value) <= far if far else array == value
        holes = np.isnan(array) if value != value else near
        array = np.where(holes, np.float32(modality['mean']), array)
    return array


def _read(path: Path) -> dict[str, Any]:
    """Return a manifest, checked."""
    if not path.is_file():
        raise FileNotFoundError(
            f'no manifest {str(path)!r}; make one by `mmseg-missing export`'
        )
    try:
        manifest = json.loads(path.read_text('utf-8'))
        lacking = [key for key in NEEDED if key not in manifest]
        if lacking:
            raise KeyError(lacking[0])
        version, kind = manifest['format_version'], manifest['format']
        for modality in manifest['modalities']:
            modality['name'], modality['channels']
        for entry in manifest['files'].values():
            if not _is_name(entry['file']):
                raise ValueError(f'{entry["file"]!r} is no name of a file')
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{str(path)!r} is no manifest of exported networks '
            f'({type(error).__name__}: {error}); make one by `mmseg-missing '
            'export`'
        ) from error
    if version != FORMAT_VERSION:
        raise ValueError(
            f'{str(path)!r} has version {version}, this file reads '
            f'{FORMAT_VERSION}; take the runtime.py of the package that '
            'exported'
        )
    if kind != 'onnx':
        raise ValueError(
            f'{str(path)!r} names files of format {kind}, which run with '
            'torch; export with --format onnx'
        )
    return manifest

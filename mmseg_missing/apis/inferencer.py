"""One frame in, one mask out."""

from __future__ import annotations

import difflib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import print_log

from ..datasets.depth import DepthEncoder
from ..datasets.options import modality_names
from ..datasets.pipeline import complete_pipeline
from ..datasets.transforms.encoding import find_encoder
from ..datasets.transforms.file_format import is_nodata, nodata_in_unit
from ..evaluation.batches import restrict
from ..modality import Modality, Stack
from ..monitoring import Stream
from ..present import of_samples
from ..startup.checks import require
from ..values import data_sets
from .model import AdapterFiles, init_model, watch_of

LOADERS = ('LoadModalities', 'LoadLabel')
# A frame's mean lies this many std from the mean of training: another unit.
FAR = 5.0
# RGB from 0 to 1 does not: it is 2.1 std away, but flat beside a std of 58.
FLAT, OFF = 0.1, 1.5
# Every fourth row and column tell as much, in a few per cent of the time.
STEP = 4


class Inferencer:
    """Segment frames whose sensors may be missing.

    Frames are arrays. :func:`mmseg_missing.apis.read_array` reads a file as
    the data sets do: RGB in this order, no turning by an orientation tag, no
    scaling.

    Args: those of :func:`mmseg_missing.apis.init_model`, and
        policy: What becomes of sensors that are ill: ``trust`` (they are
            believed), ``drop`` (they count as absent), ``recover`` (they are
            repaired, by networks that learnt it).
        monitor: Adapter file with the clean statistics by which they are
            judged (``mmseg-missing fit --by monitor``); default: `adapter`.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        adapter: AdapterFiles = None,
        device: str = 'cpu',
        trust: bool = False,
        policy: str = 'trust',
        monitor: AdapterFiles = None,
    ) -> None:
        self.model = init_model(config, checkpoint, adapter, device, trust)
        self.watch = watch_of(self.model, monitor or adapter, policy)
        dataset = one_dataset(require(self.model.cfg, 'test_dataloader'))
        modalities = dataset.get('modalities') or list(self.model.stack.names)
        steps = [
            step
            for step in require(dataset, 'pipeline')
            if not str(step['type']).endswith(LOADERS)
        ]
        self._pipeline = Compose(complete_pipeline(steps, modalities))
        formats = dataset.get('formats') or {}
        self._inputs = {
            given.modality.name: given
            for given in _inputs(modalities, formats, self.model.stack)
        }
        self._warned: set[str] = set()

    @torch.no_grad()
    def __call__(
        self,
        frame: Mapping[str, np.ndarray | None],
        stream: Stream | None = None,
    ) -> np.ndarray:
        """Return the class of every pixel.

        Args:
            frame: One array per modality that is there, (H, W) or (H, W, C),
                in the unit of the data set's files after their `scale` (RGB
                0..255 in RGB order, depth in metres). Where the data set
                encodes depth while it reads (disparity, HHA, normals), so
                does this; pixels that its ``nodata`` marks become the mean
                here, too. What is left out or None is absent.
            stream: What is remembered of one rig of sensors, the frames in
                order, where sensors are judged.

        Returns:
            (H, W) uint8, in the size of the frame.

        Raises:
            TypeError: no dict, or values that are no numbers.
            ValueError: nothing present, an unknown modality, arrays of
                different sizes, with a wrong number of channels or NaN.

        Warns:
            UserWarning: once per modality, and a line in the log, where
                values lie so far outside of its mean and std that they are
                in another unit.
        """
        sample = self._pipeline(self._results(frame))
        batch = {k: [v] for k, v in sample.items()}
        batch = self.model.data_preprocessor(batch, False)
        if self.watch is not None:
            self._judge(batch, stream)
        (result,) = self.model(**batch, mode='predict')
        return result.pred_sem_seg.data[0].to(torch.uint8).cpu().numpy()

    def _judge(self, batch: Mapping[str, Any], stream: Stream | None) -> None:
        """Let the sample show what its sensors are good for."""
        [sample] = batch['data_samples']
        present = of_samples([sample.metainfo], self.model.stack)
        told = self.watch.tell(batch['inputs'], present, stream)
        batch['data_samples'] = restrict([sample], *told)

    def _results(self, frame: Mapping[str, np.ndarray | None]) -> dict:
        """Return what ``LoadModalities`` would have put together."""
        _check_keys(frame, self._inputs)
        arrays = {
            name: given.loaded(frame[name], self.watch is None)
            for name, given in self._inputs.items()
            if frame.get(name) is not None
        }
        sizes = {name: array.shape[:2] for name, array in arrays.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(
                f'modalities of one frame differ in size: {sizes}'
            )
        for name in sorted(set(arrays) - self._warned):
            self._warn(arrays[name], self._inputs[name].modality)
        size = next(iter(sizes.values()))
        return {
            'modalities': {
                name: arrays[name]
                if name in arrays
                else np.zeros((*size, given.modality.channels), np.float32)
                for name, given in self._inputs.items()
            },
            'present': {name: name in arrays for name in self._inputs},
            'img_shape': size,
            'ori_shape': size,
            'sample_idx': 0,
        }

    def _warn(self, array: np.ndarray, modality: Modality) -> None:
        """Warn of values in another unit, once."""
        if modality.name not in self.model.stack.names:
            return  # the source of an encoding has no mean of its own
        far = far_outside(array, modality)
        if far:
            self._warned.add(modality.name)
            # Programs catch the one; the other reaches people who silence
            # warnings, as most who import the stack do.
            warnings.warn(far, stacklevel=5)
            print_log(far, logger='current', level=logging.WARNING)


@dataclass(frozen=True)
class _Input:
    """One modality as a frame brings it."""

    modality: Modality
    encoder: DepthEncoder | None = None
    nodata: tuple[float, ...] = ()

    def loaded(self, values: Any, is_finite: bool = True) -> np.ndarray:
        """Return (H, W, C) as the data set would deliver it.

        Args:
            values: Of a frame.
            is_finite: Whether they have to be; a monitor sees by itself.
        """
        name = self.modality.name
        channels = 1 if self.encoder else self.modality.channels
        array = _numbers(values, name, self.nodata, is_finite)
        shape = (*array.shape, 1) if array.ndim == 2 else array.shape
        if len(shape) != 3 or shape[2] != channels or not array.size:
            raise ValueError(
                f'modality {name!r} has shape {array.shape}, expected (H, W, '
                f'{channels})'
            )
        array = array.reshape(shape)
        if not self.nodata:
            return self.encoder(array) if self.encoder else array
        holes = is_nodata(array, self.nodata)
        mean = np.float32(self.modality.mean)
        if self.encoder:
            array = self.encoder(np.where(holes, np.float32(0), array))
        return np.where(holes, mean, array)


def _inputs(
    modalities: Any, formats: Mapping[str, Any], stack: Stack
) -> Iterator[_Input]:
    """Yield what the data set delivers to the steps after loading."""
    for given in modalities:
        [name] = modality_names([given])
        if name in stack.names:
            modality = stack[name]
            form = formats.get(name) or {}
            nodata = tuple(nodata_in_unit(form))
            yield _Input(modality, find_encoder(form, modality), nodata)
        elif isinstance(given, str):  # of which a step makes another
            yield _Input(Modality(name, channels=1))
        else:
            yield _Input(Modality(**given))


def one_dataset(dataloader: Mapping[str, Any]) -> Any:
    """Return the config of a dataloader's data set, the first of several."""
    dataset = next(iter(data_sets(dataloader.get('dataset'))), None)
    if isinstance(dataset, Mapping) and 'type' in dataset:
        return dataset
    raise ValueError(
        f'`test_dataloader.dataset` describes no data set, got {dataset!r}; '
        'give a leaf config'
    )


def _check_keys(frame: Any, known: Mapping[str, Any]) -> None:
    """Raise for what is no frame, or names what the network does not know."""
    names = '+'.join(known)
    if not isinstance(frame, Mapping):
        raise TypeError(
            f'a frame is a dict of arrays for {names}, got '
            f'{type(frame).__name__}'
        )
    for key in frame:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, 1)
            meant = f'; did you mean {close[0]!r}?' if close else ''
            raise ValueError(
                f'unknown modality {key!r} in a frame for {names}{meant}'
            )
    if all(value is None for value in frame.values()):
        raise ValueError(
            f'a frame needs at least one modality of {names}, got none'
        )


def _numbers(
    values: Any,
    name: str,
    nodata: Sequence[float] = (),
    is_finite: bool = True,
) -> np.ndarray:
    """Return finite numbers, uint8 as it is, all else as float32.

    Args:
        values: An array, or what makes one.
        name: Of the modality.
        nodata: Values that mark pixels without one, and may be anything.
        is_finite: Whether all others have to be finite.
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f'modality {name!r} takes an array on the CPU, got '
            f'{type(values).__name__} ({error})'
        ) from error
    if array.dtype.kind not in 'buif':
        raise TypeError(
            f'modality {name!r} takes an array of numbers, got '
            f'{type(values).__name__} of {array.dtype}; read_array of '
            'mmseg_missing.apis reads a file'
        )
    if array.dtype == np.uint8:
        return array
    with np.errstate(over='ignore'):  # found below
        array = array.astype(np.float32)
    if is_finite and not (np.isfinite(array) | is_nodata(array, nodata)).all():
        raise ValueError(
            f'modality {name!r} holds NaN, infinity or numbers that float32 '
            'does not; fill these pixels, or leave it out'
        )
    return array


def far_outside(array: np.ndarray, modality: Modality) -> str:
    """Say how values lie far outside of a modality's mean and std, or ''.

    Args:
        array: (H, W, C), as the data set delivers it.
        modality: With the ``mean`` and ``std`` of training.
    """
    array = array[::STEP, ::STEP]
    mean, std = np.array(modality.mean), np.array(modality.std)
    own = array.mean((0, 1), dtype=np.float64)
    off = np.abs(own - mean) / std
    span = array.max((0, 1)).astype(float) - array.min((0, 1))
    is_flat = array.dtype != np.uint8 and 0 < (span / std).max() < FLAT
    if (off <= FAR).all() and not (is_flat and (off > OFF).all()):
        return ''
    worst = int(off.argmax())
    return (
        f'modality {modality.name!r} has the mean {own[worst]:.4g} in this '
        f'frame, but {mean[worst]:.4g} (std {std[worst]:.4g}) in training; '
        'give it in the unit of the data set (RGB 0..255, depth in metres), '
        'or check `mean` and `std`'
    )

"""Arrays as frames bring them, checked, in the unit of training."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..datasets.depth import DepthEncoder
from ..datasets.options import modality_names
from ..datasets.transforms.encoding import find_encoder
from ..datasets.transforms.file_format import (
    is_nodata,
    nodata_in_unit,
    nodata_within,
)
from ..modality import Modality, Stack
from ..values import data_sets

# A frame's mean lies this many std from the mean of training: another unit.
FAR = 5.0
# RGB from 0 to 1 does not: it is 2.1 std away, but flat beside a std of 58.
FLAT, OFF = 0.1, 1.5
# Every fourth row and column tell as much, in a few per cent of the time.
STEP = 4


@dataclass(frozen=True)
class Input:
    """One modality as a frame brings it."""

    modality: Modality
    encoder: DepthEncoder | None = None
    nodata: tuple[float, ...] = ()
    within: tuple[float, ...] = ()

    def loaded(self, values: Any, is_finite: bool = True) -> np.ndarray:
        """Return (H, W, C) as the data set would deliver it.

        Args:
            values: Values of a frame.
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
        holes = is_nodata(array, self.nodata, self.within)
        mean = np.asarray(self.modality.mean, np.float32)
        if self.encoder:
            array = self.encoder(np.where(holes, np.float32(0), array))
        return np.where(holes, mean, array)


def inputs_of(
    modalities: Any, formats: Mapping[str, Any], stack: Stack
) -> Iterator[Input]:
    """Yield what the data set delivers to the steps after loading."""
    for given in modalities:
        [name] = modality_names([given])
        if name in stack.names:
            modality = stack[name]
            form = formats.get(name) or {}
            encoder = find_encoder(form, modality)
            nodata = tuple(nodata_in_unit(form))
            yield Input(modality, encoder, nodata, tuple(nodata_within(form)))
        elif isinstance(given, str):  # of which a step makes another
            yield Input(Modality(name, channels=1))
        else:
            yield Input(Modality(**given))


def one_dataset(dataloader: Mapping[str, Any]) -> Any:
    """Return the config of a dataloader's data set, the first of several."""
    dataset = next(iter(data_sets(dataloader.get('dataset'))), None)
    if isinstance(dataset, Mapping) and 'type' in dataset:
        return dataset
    raise ValueError(
        f'`test_dataloader.dataset` describes no data set, got {dataset!r}; '
        'give a leaf config'
    )


def check_keys(
    frame: Any, known: Collection[str], may_be_empty: bool = False
) -> None:
    """Raise for what is no frame, or names what the network does not know.

    Args:
        frame: Should be a dict by modality.
        known: The modalities.
        may_be_empty: Whether it is one without any of them.

    Raises:
        TypeError: no dict.
        ValueError: an unknown modality, or none at all.
    """
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
    if not may_be_empty and all(v is None for v in frame.values()):
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
        name: Name of the modality.
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
    if np.ma.is_masked(values):
        raise ValueError(
            f'modality {name!r} is an array with masked pixels, whose values '
            'mean nothing; fill them with what the data set does'
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

"""What a few files of one kind hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..checks.findings import lonely_values
from ..checks.statistics import ChannelStatistics
from ..transforms.reading import nodata_of, read_array

# No sensor measures so much; see `LARGEST` of file_format.
LARGEST = 1e30
PIXELS_PER_FILE = 4096


@dataclass
class Probe:
    """Facts about some files, read as they are stored.

    Args:
        files: how many were read.
        dtypes: files per dtype.
        channels: files per number of channels.
        sizes: files per (height, width).
        values: some values, those that mark a pixel without one left out.
        zeros: share of pixels that are 0 in all channels.
        nan: whether NaN occurs.
        infinite: which infinities occur.
        huge: finite values that no sensor measures.
        declared: the value that a TIFF itself declares to mean "no data".
        is_grey: all channels of every file are equal.
        is_opaque: the last channel of every file is one value everywhere.
        problems: a sentence for each file that cannot be read.
    """

    files: int = 0
    dtypes: Counter[str] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    values: np.ndarray = field(default_factory=lambda: np.zeros(0))
    zeros: float = 0.0
    nan: bool = False
    infinite: list[float] = field(default_factory=list)
    huge: list[float] = field(default_factory=list)
    declared: float | None = None
    is_grey: bool = True
    is_opaque: bool = True
    statistics: ChannelStatistics | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def dtype(self) -> str:
        """The dtype of most files."""
        return self.dtypes.most_common(1)[0][0]

    @property
    def is_whole(self) -> bool:
        """Whether the files hold whole numbers."""
        return all(np.dtype(dtype).kind in 'bui' for dtype in self.dtypes)

    def marks(self) -> list[float]:
        """Return values that stand alone, far from all others."""
        lonely = lonely_values(self.statistics) if self.statistics else {}
        return sorted({*lonely, *self.huge})

    def quantile(self, share: float) -> float:
        """Return a quantile of the values that are not 0."""
        values = self.values[self.values != 0]
        values = values[~np.isin(values, self.marks())]
        return float(np.quantile(values, share)) if values.size else 0.0


def probe(paths: Sequence[str | Path]) -> Probe:
    """Read files and say what they hold; what cannot be read is a problem."""
    found, parts, zeros = Probe(), [], []
    for path in paths:
        try:
            array = read_array(path)
        except (OSError, ValueError) as error:
            found.problems.append(str(error))
            continue
        _add(found, array)
        if found.declared is None:
            found.declared = nodata_of(path)
        zeros.append(float((array == 0).all(axis=2).mean()))
        parts.append(_some(array))
    if parts:
        found.zeros = float(np.mean(zeros))
        values = np.concatenate(parts)
        is_value = np.isfinite(values) & (np.abs(values) < LARGEST)
        found.huge = sorted({*found.huge})
        found.values = values[is_value]
    return found


def _add(found: Probe, array: np.ndarray) -> None:
    found.files += 1
    found.dtypes[str(array.dtype)] += 1
    found.channels[array.shape[2]] += 1
    found.sizes[array.shape[:2]] += 1
    found.is_grey &= bool((array == array[..., :1]).all())
    last = array[..., -1]
    found.is_opaque &= bool((last == last.flat[0]).all())
    if array.dtype.kind == 'f':
        found.nan |= bool(np.isnan(array).any())
        infinite = np.unique(array[np.isinf(array)]).astype(float)
        found.infinite = sorted({*found.infinite, *infinite.tolist()})
        is_huge = np.isfinite(array) & (np.abs(array) >= LARGEST)
        found.huge += np.unique(array[is_huge]).astype(float).tolist()[:4]
        is_value = np.isfinite(array) & ~is_huge
        array = np.where(is_value, array, np.nan)
    # One channel for all: a mark is the same in each.
    new = ChannelStatistics.of(array.reshape(-1, 1, 1))
    old = found.statistics
    found.statistics = old + new if old else new


def _some(array: np.ndarray) -> np.ndarray:
    """Return values spread over an array."""
    flat = array.reshape(-1)
    step = max(1, flat.size // PIXELS_PER_FILE)
    return flat[::step].astype(np.float64)

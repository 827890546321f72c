"""Read every file of a data set as its pipeline would, on all cores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch.utils.data import ConcatDataset, DataLoader, Dataset

from mmseg_missing.modality import Stack
from mmseg_missing.remote import Remote, located

from ..transforms import LoadLabel, LoadModalities, PackModalities
from ..transforms.file_format import file_list
from ..transforms.reading import orientation_of
from .statistics import ChannelStatistics

# As the mean, which a pixel without a value becomes; no file holds it.
HOLE = 1e35


@dataclass
class SampleCheck:
    """What the files of one sample hold.

    Args:
        name: its first file, or its number where it is made.
        paths: of the modalities' files, resolved; several are joined.
        contents: a digest of the files of every modality that could be read
            and is not one value everywhere.
        tagged: files that have an orientation tag.
        labelled: whether it comes with a label.
        size: (H, W) in pixels; None where the files do not agree.
        statistics: of every modality that could be read, in its unit.
        absent: modalities without a file, where the pipeline allows it, or
            by the data set's `absence`.
        label_pixels: (256,) number of pixels per label value after loading,
            255 = ignored; None without a label that could be read.
        problems: a sentence for each file that is not as it should be.
    """

    name: str = ''
    paths: dict[str, str] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    tagged: list[str] = field(default_factory=list)
    labelled: bool = True
    size: tuple[int, int] | None = None
    statistics: dict[str, ChannelStatistics] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    label_pixels: np.ndarray | None = None
    problems: list[str] = field(default_factory=list)


class SampleChecks:
    """One :class:`SampleCheck` per sample, in order.

    Files are read at their own size, each on its own, as ``LoadModalities``
    and ``LoadLabel`` of the data set's pipeline read them; the other steps
    are not run. The label of a sample without any readable modality is not
    looked at.

    Args:
        dataset: of MMEngine; joined and repeated ones are looked into, every
            sample of theirs once.
        workers: processes; 0 reads in this one.

    Raises:
        ValueError: a data set without samples or ``LoadModalities``, or with
            other classes than its ``LoadLabel``.
    """

    def __init__(self, dataset: Any, workers: int = 0) -> None:
        self.parts = [_Part(leaf) for leaf in _leaves(dataset)]
        self.stack = self.parts[0].stack
        self.classes = self.parts[0].dataset.metainfo.get('classes') or ()
        self.formats = self.parts[0].formats
        self.workers = workers

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[SampleCheck]:
        return iter(
            DataLoader(
                ConcatDataset(self.parts),
                batch_size=None,
                num_workers=self.workers,
                collate_fn=_as_it_is,
                worker_init_fn=_use_one_thread,
            )
        )


def _as_it_is(check: SampleCheck) -> SampleCheck:
    return check


def _use_one_thread(worker: int) -> None:
    cv2.setNumThreads(0)


def _leaves(dataset: Any) -> Iterator[Any]:
    """Yield the data sets that read files."""
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from _leaves(part)
    elif hasattr(dataset, 'dataset'):
        yield from _leaves(dataset.dataset)
    else:
        yield dataset


class _Part(Dataset):
    """The checks of one data set that reads its samples, or makes them."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        name, steps = type(dataset).__name__, dataset.pipeline.transforms
        first = dataset.get_data_info(0) if len(dataset) else {}
        is_made = 'modalities' in first
        source = _first(steps, PackModalities if is_made else LoadModalities)
        if source is None:
            raise ValueError(
                f'there is nothing to check in {name}: it has {len(dataset)} '
                'samples and a pipeline of '
                f'{[type(step).__name__ for step in steps]}; it needs '
                'LoadModalities'
            )
        self.stack: Stack = source.stack
        self.formats = first.get('modality_formats', {})
        self.may_be_absent = getattr(source, 'absent_file', '') == 'missing'
        backend_args = getattr(source, 'backend_args', None)
        self.place = partial(located, backend_args=backend_args)
        self.load_alone = {
            m.name: LoadModalities(
                [replace(m, mean=(HOLE,) * m.channels)],
                backend_args=backend_args,
            )
            for m in self.stack
        }
        self.load_label = _first(steps, LoadLabel)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> SampleCheck:
        info, check = self.dataset.get_data_info(index), SampleCheck()
        if 'modalities' in info:  # made, not read
            check.name = f'sample {index}'
            check.labelled = info.get('labelled', True)
            check.absent = [*info.get('absent', ())]
            arrays, label = dict(info['modalities']), info['gt_seg_map']
            for modality in check.absent:
                del arrays[modality]
            label = label if check.labelled else None
            data = {name: [array] for name, array in arrays.items()}
        else:
            self._describe(info, check)
            arrays = self._read_modalities(info, check)
            label = self._read_label(info, arrays, check)
            paths = info['modality_paths']
            data = {
                name: (
                    self.place(file).read_bytes()
                    for file in file_list(paths[name])
                )
                for name in arrays
            }
        check.statistics = {
            name: ChannelStatistics.of(array) for name, array in arrays.items()
        }
        check.contents = {
            name: _digest(data[name])
            for name, found in check.statistics.items()
            if (found.low < found.high).any()
        }
        sizes = {array.shape[:2] for array in arrays.values()}
        check.size = sizes.pop() if len(sizes) == 1 else None
        if label is not None:
            check.label_pixels = np.bincount(label.ravel(), minlength=256)
        return check

    def _describe(self, info: Mapping[str, Any], check: SampleCheck) -> None:
        """Write down the files of a sample and what they are tagged with."""
        paths = info['modality_paths']
        files = {m.name: file_list(paths.get(m.name)) for m in self.stack}
        check.paths = {
            name: ', '.join(str(_resolved(self.place(f))) for f in some)
            for name, some in files.items()
            if some
        }
        check.labelled = bool(self.load_label and info.get('labelled', True))
        every = [file for some in files.values() for file in some]
        check.name = next(iter(every), '')
        if check.labelled:
            every.append(info['seg_map_path'])
        check.tagged = [
            file
            for file in dict.fromkeys(every)
            if orientation_of(self.place(file)) != 1
        ]

    def _read_modalities(
        self, info: dict, check: SampleCheck
    ) -> dict[str, np.ndarray]:
        """Return what can be read; write down what cannot."""
        arrays = {}
        for name, load in self.load_alone.items():
            if name in info.get('absent', ()):
                check.absent.append(name)
                continue
            try:
                array = load(dict(info))['modalities'][name]
                arrays[name] = _without_holes(array)
            except FileNotFoundError as error:
                if self.may_be_absent:
                    check.absent.append(name)
                else:
                    check.problems.append(_line(error))
            except (OSError, ValueError) as error:
                check.problems.append(_line(error))
        paths = info['modality_paths']
        if len(check.absent) == len(self.load_alone):
            check.problems.append(
                f'a sample has no modality at all: {list(paths.values())}; '
                'leave it out'
            )
        if len({array.shape[:2] for array in arrays.values()}) > 1:
            check.problems.append(_sizes(arrays, paths))
        return arrays

    def _read_label(
        self, info: dict, arrays: dict[str, np.ndarray], check: SampleCheck
    ) -> np.ndarray | None:
        if not check.labelled or not arrays:  # no size to compare with
            return None
        size = next(iter(arrays.values())).shape[:2]
        try:
            loaded = self.load_label({**info, 'ori_shape': size})
        except (OSError, ValueError) as error:
            check.problems.append(_line(error))
            return None
        return loaded['gt_seg_map']


def _first(steps: list, kind: type) -> Any:
    return next((step for step in steps if isinstance(step, kind)), None)


def _without_holes(array: np.ndarray) -> np.ndarray:
    """Return NaN where ``nodata`` was replaced by the mean."""
    if array.dtype == np.uint8:
        return array
    return np.where(array == np.float32(HOLE), np.float32(np.nan), array)


def _resolved(path: Path | Remote) -> Path | Remote:
    return path if isinstance(path, Remote) else path.resolve()


def _digest(parts: Iterable[bytes | np.ndarray]) -> str:
    """Return a digest of what files or arrays hold."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.tobytes())
    return digest.hexdigest()


def _sizes(arrays: dict[str, np.ndarray], paths: dict[str, Any]) -> str:
    found = [
        f"{array.shape[0]} x {array.shape[1]} in '{paths[name]}'"
        for name, array in arrays.items()
    ]
    return (
        f'a sample has several sizes: {", ".join(found)}; bring its '
        'modalities to one height x width'
    )


def _line(error: Exception) -> str:
    return ' '.join(str(error).split())

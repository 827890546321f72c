"""Read every file of a data set as its pipeline would, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from torch.utils.data import ConcatDataset, DataLoader, Dataset

from mmseg_missing.modality import Stack

from ..transforms import LoadLabel, LoadModalities, PackModalities
from ..transforms.loading import check_label_size, common_size
from .statistics import ChannelStatistics


@dataclass
class SampleCheck:
    """What the files of one sample hold.

    Args:
        size: (H, W) in pixels; None where the files do not agree.
        statistics: of every modality that could be read, in its unit.
        absent: modalities without a file, where the pipeline allows it.
        label_pixels: (256,) number of pixels per label value after loading,
            255 = ignored; None without a label that could be read.
        problems: a sentence for each file that is not as it should be.
    """

    size: tuple[int, int] | None = None
    statistics: dict[str, ChannelStatistics] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    label_pixels: np.ndarray | None = None
    problems: list[str] = field(default_factory=list)


class SampleChecks:
    """One :class:`SampleCheck` per sample, in order.

    Files are read at their own size by the ``LoadModalities`` and
    ``LoadLabel`` of the data set's pipeline; the other steps are not run.

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
    """The checks of one data set that reads files, or makes its samples."""

    def __init__(self, dataset: Any) -> None:
        steps = dataset.pipeline.transforms
        self.dataset = dataset
        self.load_modalities = _first(steps, LoadModalities)
        self.load_label = _first(steps, LoadLabel)
        name = type(dataset).__name__
        source = self.load_modalities or _first(steps, PackModalities)
        if not len(dataset) or source is None:
            raise ValueError(
                f'there is nothing to check in {name}: it has {len(dataset)} '
                'samples and a pipeline of '
                f'{[type(step).__name__ for step in steps]}; it needs '
                'LoadModalities'
            )
        self.stack: Stack = source.stack
        self.formats = dataset.get_data_info(0).get('modality_formats', {})
        self._check_classes(name)

    def _check_classes(self, name: str) -> None:
        classes = self.dataset.metainfo.get('classes') or ()
        if self.load_label is None or self.dataset.label_map is not None:
            return
        if self.load_label.num_classes != len(classes):
            raise ValueError(
                f'LoadLabel has num_classes={self.load_label.num_classes}, '
                f'but {name} has {len(classes)} classes; write the same '
                'number into both'
            )

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> SampleCheck:
        info = self.dataset.get_data_info(index)
        check = SampleCheck()
        arrays, label = self._load(info, check)
        check.statistics = {
            name: ChannelStatistics.of(array) for name, array in arrays.items()
        }
        if label is not None:
            check.label_pixels = np.bincount(label.ravel(), minlength=256)
        if arrays:
            paths = info.get('modality_paths', {})
            check.size = _tried(check, common_size, arrays, paths)
        if check.size and label is not None:
            path = info.get('seg_map_path')
            _tried(check, check_label_size, label, path, check.size)
        return check

    def _load(
        self, info: dict, check: SampleCheck
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """Return what can be read; write down what cannot."""
        if 'modalities' in info:  # made, not read
            return info['modalities'], info['gt_seg_map']
        arrays = {}
        for modality in self.stack:
            known = len(check.problems)
            array = _tried(check, self.load_modalities.load, info, modality)
            if array is not None:
                arrays[modality.name] = array
            elif len(check.problems) == known:
                check.absent.append(modality.name)
        label = None
        if self.load_label and info.get('labelled', True):
            label = _tried(check, self.load_label.load, info)
        return arrays, label


def _first(steps: list, kind: type) -> Any:
    return next((step for step in steps if isinstance(step, kind)), None)


def _tried(check: SampleCheck, function: Callable, *arguments: Any) -> Any:
    """Return the function's result, or None and a problem."""
    try:
        return function(*arguments)
    except (OSError, ValueError) as error:
        check.problems.append(' '.join(str(error).split()))
        return None

"""What the page does, without the page: a sample, broken, segmented twice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from mmengine.config import Config

from ..apis.arrays import far_outside
from ..apis.inferencer import MultiModalInferencer
from ..apis.model import AdapterFiles
from ..datasets.transforms.corrupting import CorruptModality
from ..evaluation.confusion import (
    class_iou,
    confusion_matrix,
    mean_over_classes,
)
from ..startup.classes import stated_classes
from .samples import Sample, Samples

# Scenes and samples that are kept in memory for whoever looks next.
KEPT = 16


@dataclass(frozen=True)
class Timed:
    """A prediction, its time, and its mIoU (%) where truth is known.

    The mIoU is over the classes that this one image or its prediction has.
    """

    mask: np.ndarray
    seconds: float
    miou: float | None = None


@dataclass(frozen=True)
class View:
    """What one look gave.

    Args:
        sample: As it was chosen.
        frame: Its arrays with their faults, those of absent ones too.
        present: By modality, whether the network was given it.
        faults: By sensor what it suffers from, and how badly.
        repaired: With the adapters.
        base: The bare base on the same input; None: nothing is adapted.
        notes: Sentences on what a user may want to know.
    """

    sample: Sample
    frame: Mapping[str, np.ndarray]
    present: Mapping[str, bool]
    faults: Mapping[str, tuple[str, int]]
    repaired: Timed
    base: Timed | None = None
    notes: Sequence[str] = ()

    @property
    def combination(self) -> str:
        """What the network was given, such as ``rgb+depth``."""
        return '+'.join(n for n, has in self.present.items() if has)

    @property
    def changed(self) -> np.ndarray:
        """(H, W) bool, the pixels whose class the repair changes."""
        if self.base is None:
            return np.zeros(self.repaired.mask.shape, bool)
        return self.repaired.mask != self.base.mask


class Studio:
    """A network to look at; it remembers nobody, so many may share it.

    Args: those of :func:`mmseg_missing.apis.init_model`.

    Attributes:
        segment: The inferencer.
        samples: Where frames come from.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        adapter: AdapterFiles = None,
        device: str = 'cpu',
        trust: bool = False,
    ) -> None:
        # Folding would speed up the one prediction and not the other.
        self.segment = MultiModalInferencer(
            config, checkpoint, adapter, device, trust, folds=0
        )
        self.samples = Samples(self.segment.cfg)
        self.scene: Callable[[int], Sample] = lru_cache(KEPT)(
            self.samples.scene
        )
        self.sample: Callable[[int], Sample] = lru_cache(KEPT)(
            self.samples.sample
        )

    @cached_property
    def sensors(self) -> dict[str, tuple[str, ...]]:
        """The modalities of each sensor, which fail together."""
        found: dict[str, tuple[str, ...]] = {}
        stack = self.segment.model.stack
        for name in self.segment.names:
            sensor = str(stack[name].sensor) if name in stack.names else name
            found[sensor] = (*found.get(sensor, ()), name)
        return found

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, numbers where nothing says them."""
        model, data = self.segment.model, self.samples.data
        known = (
            (model.dataset_meta or {}).get('classes')
            or (data.metainfo.get('classes') if data else None)
            or stated_classes(self.segment.cfg)
        )
        numbers = (f'class {index}' for index in range(model.num_classes))
        is_whole = known and len(known) == model.num_classes
        return tuple(map(str, known if is_whole else numbers))

    @cached_property
    def palette(self) -> Sequence[Sequence[int]]:
        """One RGB colour per class."""
        meta = self.segment.model.dataset_meta or {}
        data = self.samples.data
        of_data = data.metainfo.get('palette') if data else None
        if not meta.get('palette') and len(of_data or ()) >= len(self.classes):
            return of_data
        return self.segment.palette

    @property
    def added(self) -> int:
        """The numbers that the repair of a combination adds to the base."""
        banks = self.segment.model._banks
        return sum(bank.num_parameters for bank in banks)

    @cached_property
    def size(self) -> int:
        """The numbers of the base."""
        model = self.segment.model
        adapters = {id(p) for bank in model._banks for p in bank.parameters()}
        return sum(
            p.numel() for p in model.parameters() if id(p) not in adapters
        )

    def look(
        self,
        sample: Sample,
        off: Collection[str] = (),
        faults: Mapping[str, tuple[str, int]] | None = None,
    ) -> View:
        """Segment a sample with sensors that are off or ill.

        Args:
            sample: Of :attr:`samples`.
            off: Sensors that are switched off.
            faults: By sensor a fault and its severity, 1 to 5.

        Raises:
            ValueError: no sensor is left, an unknown sensor or fault, or
                arrays that the network does not take.
        """
        faults = faults or {}
        self._check_known([*off, *faults])
        frame = self._spoilt(sample, faults)
        gone = {name for sensor in off for name in self.sensors[sensor]}
        present = {
            name: name in frame and name not in gone
            for name in self.segment.names
        }
        if not any(present.values()):
            raise ValueError(
                'the network needs at least one sensor; switch on one that '
                f'this sample has ({", ".join(sample.frame) or "none"})'
            )
        given = {name: frame[name] for name, has in present.items() if has}
        repaired = self._timed(self.segment.segment, given, sample.label)
        base = None
        if self.added:
            base = self._timed(self.segment.unrepaired, given, sample.label)
        notes = [*self._units(sample, present), *self._untrained(present)]
        return View(sample, frame, present, faults, repaired, base, notes)

    def _check_known(self, sensors: Collection[str]) -> None:
        for sensor in sensors:
            if sensor not in self.sensors:
                raise ValueError(
                    f'this network has the sensors {", ".join(self.sensors)}, '
                    f'got {sensor!r}'
                )

    def _spoilt(
        self, sample: Sample, faults: Mapping[str, tuple[str, int]]
    ) -> dict[str, np.ndarray]:
        """Return copies with faults where there are some."""
        arrays = dict(sample.frame)
        for sensor, (fault, severity) in faults.items():
            for name in self.sensors[sensor]:
                if name in arrays:
                    spoil = CorruptModality(fault, name, severity)
                    arrays = spoil.transform({'modalities': arrays})[
                        'modalities'
                    ]
        return arrays

    def _timed(
        self,
        predict: Callable[[Mapping[str, np.ndarray]], np.ndarray],
        given: Mapping[str, np.ndarray],
        label: np.ndarray | None,
    ) -> Timed:
        start = perf_counter()
        mask = predict(given)
        seconds = perf_counter() - start
        if label is None or label.shape != mask.shape:
            return Timed(mask, seconds)
        pixels = torch.from_numpy(mask), torch.from_numpy(label)
        matrix = confusion_matrix(*pixels, self.segment.model.num_classes)
        miou = mean_over_classes(class_iou(matrix), 'mmseg')
        return Timed(mask, seconds, miou)

    def _units(self, sample: Sample, present: Mapping[str, bool]) -> list[str]:
        """Say which arrays of somebody's own are in another unit."""
        stack = self.segment.model.stack
        shown = [n for n, has in present.items() if has and n in stack.names]
        said = [far_outside(sample.frame[n], stack[n]) for n in shown]
        return [words for words in said if words]

    def _untrained(self, present: Mapping[str, bool]) -> list[str]:
        """Say that nothing was learnt for what is missing here."""
        names = self.segment.model.stack.names
        used = '+'.join(name for name in names if present.get(name, True))
        idle = [
            used
            for bank in self.segment.model._banks
            if used != self.segment.model.stack.full
            and used not in bank.served
        ]
        return [
            f'the adapters were not trained for {name}: the base runs '
            'unrepaired'
            for name in dict.fromkeys(idle)
        ]

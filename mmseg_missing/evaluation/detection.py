"""What a monitor finds, and what believing or dropping a sensor costs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from mmseg.registry import DATASETS
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..monitoring import STATES, SensorMonitor
from ..monitoring.policies import drop
from ..present import keys
from .batches import CompleteImages, image_order, restrict
from .confusion import class_iou, confusion_matrix
from .failures import Faulty
from .render import check_writable, plain_table

WHOLE = STATES.index('whole')


@dataclass(frozen=True)
class FaultScore:
    """One fault of one modality in one severity, in per cent.

    Args:
        fault: Its name.
        modality: Which suffers it.
        severity: 1 to 5.
        detected: Images on which the monitor found this modality not whole.
        dropped: Images on which it found it harmful.
        trust: MIoU where every sensor is believed.
        drop: MIoU where what the monitor found is dropped.
    """

    fault: str
    modality: str
    severity: int
    detected: float
    dropped: float
    trust: float
    drop: float


@dataclass(frozen=True)
class Detection:
    """What a monitor finds, and what follows from it; in per cent.

    Args:
        images: How many were looked at.
        alarms: Per modality, clean images on which it was found not whole.
        trust: MIoU on clean images where every sensor is believed.
        drop: The same where what the monitor found is dropped.
        without: Per modality, mIoU on clean images without it: what dropping
            it gives, however ill it is.
        faults: Of the protocol.
    """

    images: int
    alarms: dict[str, float]
    trust: float
    drop: float
    without: dict[str, float]
    faults: tuple[FaultScore, ...]

    def break_even(self, fault: str, modality: str) -> int | None:
        """Return the severity from which dropping is better than trusting.

        Args:
            fault: Its name.
            modality: Which suffers it.

        Returns:
            The smallest such that it and all above it are worse than the
            absence of the modality; None: not even the largest is.
        """
        found = None
        rows = [
            row
            for row in self.faults
            if (row.fault, row.modality) == (fault, modality)
        ]
        for row in sorted(rows, key=lambda row: -row.severity):
            if row.trust >= self.without[modality]:
                break
            found = row.severity
        return found

    def to_text(self) -> str:
        """Return tables for the terminal."""
        severities = sorted({row.severity for row in self.faults})
        clean = plain_table(['clean', 'false alarms', 'mIoU without it'])
        for name, alarms in self.alarms.items():
            without = f'{self.without[name]:.2f}'
            clean.add_row([name, f'{alarms:.2f}', without])
        clean.title = (
            f'{self.images} images, per cent; mIoU: trust {self.trust:.2f}, '
            f'drop {self.drop:.2f}'
        )
        table = plain_table(['fault', *severities, 'break-even'])
        table.title = 'by severity: found, dropped; mIoU of trust / of drop'
        cells = {
            (row.fault, row.modality, row.severity): (
                f'{row.detected:.0f}, {row.dropped:.0f}; '
                f'{row.trust:.1f} / {row.drop:.1f}'
            )
            for row in self.faults
        }
        pairs = dict.fromkeys((f, name) for f, name, _ in cells)
        for pair in pairs:
            even = self.break_even(*pair)
            row = [cells.get((*pair, s), '-') for s in severities]
            table.add_row([' on '.join(pair), *row, even or '-'])
        return f'{clean.get_string()}\n{table.get_string()}'

    def to_csv(self) -> str:
        """Return one line per fault, modality and severity."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator='\n')
        names = [*FaultScore.__dataclass_fields__]
        writer.writerow([*names, 'without', 'break_even'])
        for row in self.faults:
            values = [*vars(row).values(), self.without[row.modality]]
            even = self.break_even(row.fault, row.modality) or ''
            numbers = (f'{v:.4f}' if type(v) is float else v for v in values)
            writer.writerow([*numbers, even])
        return text.getvalue()

    def write(self, folder: str | Path) -> None:
        """Write ``monitor.json`` and ``monitor.csv``.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = check_writable(folder)
        text = json.dumps(asdict(self), indent=2)
        (folder / 'monitor.json').write_text(text + '\n')
        (folder / 'monitor.csv').write_text(self.to_csv())


@torch.no_grad()
def detect(
    network: nn.Module,
    monitor: SensorMonitor,
    dataloader: Mapping[str, Any],
    failures: Sequence[Faulty],
    images: int,
) -> Detection:
    """Let sensors fail and see what the monitor finds.

    Args:
        network: A ``MissingModalitySegmentor`` in evaluation mode.
        monitor: Its own.
        dataloader: Config of the test's.
        failures: The faults.
        images: How many of the test images, drawn by a fixed seed.

    Raises:
        ValueError: nothing to look at, or fewer than two modalities.
    """
    if len(network.stack) < 2:
        raise ValueError(
            'dropping a sensor needs another one, this network has only '
            f'{network.stack.full}'
        )
    scorer = _Scorer(network, monitor, dataloader['batch_size'], images)
    clean = scorer.look(DATASETS.build(dataloader['dataset']), None)
    rows = []
    for failure in failures:
        spoilt = failure.spoil_loader(dataloader)['dataset']
        found = scorer.look(DATASETS.build(spoilt), failure.modality)
        index = network.stack.index(failure.modality)
        rates = found.bad[index], found.dropped[index]
        fields = failure.fault, failure.modality, failure.severity
        rows.append(FaultScore(*fields, *rates, found.trust, found.drop))
    names = network.stack.names
    return Detection(
        clean.images,
        dict(zip(names, clean.bad)),
        clean.trust,
        clean.drop,
        scorer.without(),
        tuple(rows),
    )


@dataclass(frozen=True)
class _Found:
    """What was seen on one version of the images."""

    images: int
    bad: list[float]
    dropped: list[float]
    trust: float
    drop: float


class _Scorer:
    """Scores the same images again and again.

    What does not depend on the fault is kept: predictions without one
    modality.
    """

    def __init__(
        self,
        network: nn.Module,
        monitor: SensorMonitor,
        batch_size: int,
        images: int,
    ) -> None:
        self.network, self.monitor = network, monitor
        self.batch_size, self.images = batch_size, images
        m = len(network.stack)
        self.lacking = ~torch.eye(m, dtype=torch.bool)
        self._clean: dict[tuple[int, int], Tensor] = {}

    def look(self, dataset: Dataset, modality: str | None) -> _Found:
        """Return what is found on a data set; None: it is the clean one."""
        chosen = image_order(len(dataset), 0)[: self.images]
        sums = dict.fromkeys(('trust', 'drop'), torch.zeros(()))
        bad, lost = torch.zeros(2, len(self.network.stack))
        seen = 0
        for batch in CompleteImages(dataset, chosen, self.batch_size):
            batch = self.network.data_preprocessor(batch, False)
            inputs, samples = batch['inputs'], batch['data_samples']
            full = torch.ones(len(inputs), len(bad), dtype=torch.bool)
            verdict = self.monitor(inputs, full)
            kept = drop(full, verdict)
            bad += (verdict.states != WHOLE).sum(0)
            lost += (~kept).sum(0)
            trusted = [*self._matrices(inputs, samples, full)]
            if modality is None:
                self._keep_lacking(inputs, samples, seen)
            dropped = self._dropped(
                inputs, samples, kept, trusted, modality, seen
            )
            sums['trust'] = sums['trust'] + sum(trusted)
            sums['drop'] = sums['drop'] + sum(dropped)
            seen += len(inputs)
        if not seen:
            raise ValueError(
                'no test image has every modality, so no fault can be judged'
            )
        scores = {k: class_iou(v).nanmean().item() for k, v in sums.items()}
        rates = ((100 * each / seen).tolist() for each in (bad, lost))
        return _Found(seen, *rates, **scores)

    def without(self) -> dict[str, float]:
        """Return the mIoU without each modality."""
        names = self.network.stack.names
        sums = {
            name: sum(m for (lost, _), m in self._clean.items() if lost == i)
            for i, name in enumerate(names)
        }
        return {n: class_iou(m).nanmean().item() for n, m in sums.items()}

    def _keep_lacking(self, inputs: Tensor, samples: list, start: int) -> None:
        for lost, present in enumerate(self.lacking):
            rows = present.expand(len(inputs), -1)
            found = self._matrices(inputs, samples, rows)
            for i, matrix in enumerate(found, start):
                self._clean[lost, i] = matrix

    def _dropped(
        self,
        inputs: Tensor,
        samples: list,
        kept: Tensor,
        trusted: list[Tensor],
        modality: str | None,
        start: int,
    ) -> Iterator[Tensor]:
        """Yield the matrix of each image, run again only if it must."""
        stack = self.network.stack
        for i, flags in enumerate(keys(kept)):
            lost = [
                name for name, there in zip(stack.names, flags) if not there
            ]
            if not lost:
                yield trusted[i]
            elif lost == [modality]:
                yield self._clean[stack.index(modality), start + i]
            else:
                chosen = slice(i, i + 1)
                yield from self._matrices(
                    inputs[chosen], samples[chosen], kept[chosen]
                )

    def _matrices(
        self, inputs: Tensor, samples: list, present: Tensor
    ) -> Iterator[Tensor]:
        """Yield (K, K) for each image."""
        told = restrict(samples, present)
        for sample in self.network(inputs, told, mode='predict'):
            yield confusion_matrix(
                sample.pred_sem_seg.data,
                sample.gt_sem_seg.data,
                self.network.num_classes,
            ).cpu()

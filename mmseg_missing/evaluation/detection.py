"""What a monitor finds, and what believing or dropping a sensor costs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from mmseg.registry import DATASETS
from torch import nn

from ..monitoring import POLICIES, SensorMonitor
from .failures import Faulty
from .policy_scores import PolicyScorer, check_droppable
from .render import check_writable, plain_table


@dataclass(frozen=True)
class FaultScore:
    """One fault of one modality in one severity, in per cent.

    Args:
        fault: Name of the fault.
        modality: Which suffers it.
        severity: 1 to 5.
        detected: Images on which the monitor found this modality not whole.
        dropped: Images on which it found it harmful.
        trust: MIoU where every sensor is believed.
        drop: MIoU where what the monitor found is dropped.
        recover: MIoU where it is repaired; None: the network cannot.
    """

    fault: str
    modality: str
    severity: int
    detected: float
    dropped: float
    trust: float
    drop: float
    recover: float | None = None


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
        faults: Faults of the protocol.
        recover: MIoU on clean images where what the monitor found is
            repaired; None: the network cannot.
        overhead: What a policy pays for the monitor, in per cent of the
            forward of one image; None: it was not measured.
    """

    images: int
    alarms: dict[str, float]
    trust: float
    drop: float
    without: dict[str, float]
    faults: tuple[FaultScore, ...]
    recover: float | None = None
    overhead: float | None = None

    @property
    def policies(self) -> tuple[str, ...]:
        """Names of the policies that were scored."""
        has_it = self.recover is not None
        return ('trust', 'drop', *(['recover'] if has_it else []))

    @property
    def severities(self) -> list[int]:
        """Of the faults, in order."""
        return sorted({row.severity for row in self.faults})

    def mean(self, policy: str, severity: int | None = None) -> float:
        """Return the mean mIoU over faults and modalities.

        Args:
            policy: Name of the policy.
            severity: One severity; None: all of them.
        """
        rows = [
            getattr(row, policy)
            for row in self.faults
            if severity in (None, row.severity)
        ]
        return sum(rows) / len(rows) if rows else math.nan

    def break_even(self, fault: str, modality: str) -> int | None:
        """Return the severity from which dropping is better than trusting.

        Args:
            fault: Name of the fault.
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
        severities = self.severities
        clean = plain_table(['clean', 'false alarms', 'mIoU without it'])
        for name, alarms in self.alarms.items():
            without = f'{self.without[name]:.2f}'
            clean.add_row([name, f'{alarms:.2f}', without])
        scores = (f'{p} {getattr(self, p):.2f}' for p in self.policies)
        clean.title = (
            f'{self.images} images, per cent; mIoU: {", ".join(scores)}'
        )
        table = plain_table(['fault', *severities, 'break-even'])
        each = ' / of '.join(self.policies)
        table.title = f'by severity: found, dropped; mIoU of {each}'
        cells = {
            (row.fault, row.modality, row.severity): (
                f'{row.detected:.0f}, {row.dropped:.0f}; '
                + ' / '.join(f'{getattr(row, p):.1f}' for p in self.policies)
            )
            for row in self.faults
        }
        pairs = dict.fromkeys((f, name) for f, name, _ in cells)
        for pair in pairs:
            even = self.break_even(*pair)
            row = [cells.get((*pair, s), '-') for s in severities]
            table.add_row([' on '.join(pair), *row, even or '-'])
        parts = [clean, table, self._means()]
        text = '\n'.join(part.get_string() for part in parts)
        if self.overhead is None:
            return text
        return f'{text}\nthe monitor costs {self.overhead:.1f} % of a forward'

    def _means(self) -> Any:
        """Return the table of policies."""
        table = plain_table(['policy', 'clean', *self.severities, 'all'])
        table.title = 'mean mIoU over faults and modalities, by severity'
        for policy in self.policies:
            parts = [self.mean(policy, s) for s in (*self.severities, None)]
            numbers = [getattr(self, policy), *parts]
            table.add_row([policy, *(f'{n:.2f}' for n in numbers)])
        return table

    def to_csv(self) -> str:
        """Return one line per fault, modality and severity."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator='\n')
        names = [*FaultScore.__dataclass_fields__]
        writer.writerow([*names, 'without', 'break_even'])
        for row in self.faults:
            values = [*vars(row).values(), self.without[row.modality]]
            even = self.break_even(row.fault, row.modality) or ''
            values = ['' if v is None else v for v in values]
            numbers = (f'{v:.4f}' if type(v) is float else v for v in values)
            writer.writerow([*numbers, even])
        return text.getvalue()

    def write(self, folder: str | Path) -> None:
        """Write ``monitor.json`` and ``monitor.csv``.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = check_writable(folder)
        content = asdict(self)
        for row in content['faults']:
            row['break_even'] = self.break_even(row['fault'], row['modality'])
        means = {p: self.mean(p) for p in self.policies if self.faults}
        text = json.dumps({**content, 'means': means}, indent=2)
        (folder / 'monitor.json').write_text(text + '\n', encoding='utf-8')
        (folder / 'monitor.csv').write_text(self.to_csv(), encoding='utf-8')


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
        monitor: Monitor of its sensors.
        dataloader: Config of the test's.
        failures: The faults.
        images: How many of the test images, drawn by a fixed seed.

    Raises:
        ValueError: nothing to look at, or fewer than two modalities.
    """
    check_droppable(network.stack)
    names = network.stack.names
    chosen = ['drop']
    if getattr(network, 'recovers', False):
        chosen.append('recover')
    policies = {name: POLICIES[name] for name in chosen}
    size = dataloader['batch_size']
    scorer = PolicyScorer(network, monitor, policies, size, images)
    clean = scorer.look(DATASETS.build(dataloader['dataset']), None)
    rows = []
    for failure in failures:
        spoilt = failure.spoil_loader(dataloader)['dataset']
        found = scorer.look(DATASETS.build(spoilt), failure.modality)
        index = names.index(failure.modality)
        rates = found.bad[index], found.dropped['drop'][index]
        fields = failure.fault, failure.modality, failure.severity
        rows.append(FaultScore(*fields, *rates, **found.miou))
    return Detection(
        images=clean.images,
        alarms=dict(zip(names, clean.bad)),
        without=scorer.without(),
        faults=tuple(rows),
        **clean.miou,
    )

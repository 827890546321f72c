"""From when on a sensor is harmful, chosen on images held out from the fit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from mmseg.registry import DATASETS
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..monitoring import SensorMonitor, Verdict
from ..monitoring.policies import drop
from .batches import image_order, is_complete
from .failures import Faulty
from .policy_scores import PolicyScorer, check_droppable
from .render import check_writable, plain_table

TOLERANCES = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
# Points of mIoU that clean images may lose by a monitor.
MOST_LOST = 0.1


@dataclass(frozen=True)
class ToleranceScore:
    """What dropping by one tolerance gives, mIoU in per cent.

    Args:
        tolerance: Tolerance, in limits.
        clean: On clean images.
        faults: Mean over all faults.
    """

    tolerance: float
    clean: float
    faults: float


@dataclass(frozen=True)
class ToleranceChoice:
    """Tolerances side by side, mIoU in per cent.

    Args:
        images: How many were looked at.
        clean: On clean images where every sensor is believed.
        faults: Mean over all faults where it is.
        rows: One row for each tolerance.
    """

    images: int
    clean: float
    faults: float
    rows: tuple[ToleranceScore, ...]

    @property
    def chosen(self) -> float | None:
        """The tolerance that is best on faults, of those allowed.

        Allowed is what costs clean images at most :data:`MOST_LOST`; of
        equals the largest is taken. None: each costs more, or none is better
        than to believe every sensor.
        """
        allowed = [
            (row.faults, row.tolerance)
            for row in self.rows
            if self.clean - row.clean <= MOST_LOST and row.faults > self.faults
        ]
        return max(allowed)[1] if allowed else None

    def to_text(self) -> str:
        """Return the table for the terminal, and what follows."""
        table = plain_table(['tolerance', 'clean', 'cost', 'faults'])
        table.title = f'{self.images} images held out; mIoU of drop'
        table.add_row(['trust', f'{self.clean:.2f}', '', f'{self.faults:.2f}'])
        for row in self.rows:
            numbers = row.clean, self.clean - row.clean, row.faults
            cells = (f'{number:.2f}' for number in numbers)
            table.add_row([f'{row.tolerance:g}', *cells])
        found = (
            "none is better than the policy 'trust' and costs clean images "
            f'at most {MOST_LOST}'
            if self.chosen is None
            else f'chosen: {self.chosen:g}'
        )
        return f'{table.get_string()}\n{found}'

    def write(self, folder: str | Path) -> None:
        """Write ``tolerance.json``.

        Raises:
            OSError: the folder cannot be written.
        """
        content = {**asdict(self), 'chosen': self.chosen}
        text = json.dumps(content, indent=2)
        (check_writable(folder) / 'tolerance.json').write_text(
            text + '\n', encoding='utf-8'
        )


@torch.no_grad()
def choose_tolerance(
    network: nn.Module,
    monitor: SensorMonitor,
    dataloader: Mapping[str, Any],
    failures: Sequence[Faulty],
    images: int,
    tolerances: Sequence[float] = TOLERANCES,
) -> ToleranceChoice:
    """Compare tolerances on images that the monitor has not learnt from.

    Args:
        network: A ``MissingModalitySegmentor`` in evaluation mode.
        monitor: Its own; the first images of its fit are left out.
        dataloader: Config of the images of training.
        failures: The faults.
        images: How many to look at.
        tolerances: Tolerances, in limits.

    Raises:
        ValueError: fewer images are left, or fewer than two modalities.
    """
    check_droppable(network.stack)
    clean = DATASETS.build(dataloader['dataset'])
    taken = _taken(clean, monitor)
    left = len(clean) - taken
    if left < images:
        raise ValueError(
            f'{max(left, 0)} of {len(clean)} training images are held out '
            f'from the {taken} of the fit, and {images} are asked '
            'for; take fewer `--images`, or fit with fewer `--batches`'
        )
    policies = {f'{t:g}': _dropping(t) for t in tolerances}
    size = dataloader['batch_size']
    scorer = PolicyScorer(
        network, monitor, policies, size, images, taken, monitor.seed
    )
    found = scorer.look(clean, None)
    sums = dict.fromkeys(found.miou, 0.0)
    for failure in failures:
        spoilt = failure.spoil_loader(dataloader)['dataset']
        scores = scorer.look(DATASETS.build(spoilt), failure.modality).miou
        sums = {key: sums[key] + score for key, score in scores.items()}
    means = {key: total / len(failures) for key, total in sums.items()}
    return ToleranceChoice(
        found.images,
        found.miou['trust'],
        means['trust'],
        tuple(
            ToleranceScore(t, found.miou[f'{t:g}'], means[f'{t:g}'])
            for t in tolerances
        ),
    )


def _taken(dataset: Dataset, monitor: SensorMonitor) -> int:
    """Return how many images the fit went through for those it learnt from.

    It left out those that lack something.
    """
    learnt = 0
    for place, index in enumerate(image_order(len(dataset), monitor.seed)):
        if learnt == monitor.images:
            return place
        learnt += is_complete(dataset[index]['data_samples'])
    return len(dataset)


def _dropping(tolerance: float) -> Any:
    def policy(present: Tensor, verdict: Verdict) -> Tensor:
        return drop(present, verdict.at(tolerance))

    return policy

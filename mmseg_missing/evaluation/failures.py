"""Ways in which sensors fail besides being absent all the time.

That a modality is missing entirely (EMM) is what combinations are, and no
failure of its own.

Source of RMM and NM: Liao et al., Benchmarking multi-modal semantic
segmentation under sensor failures, 2025, arXiv:2503.18445.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..corruptions import (
    NM_LEVELS,
    add_sensor_noise,
    check_fault,
    drop_values,
)
from ..modality import Stack
from ..values import data_sets


@dataclass(frozen=True)
class Failure:
    """What happens to the sensors besides absence: here nothing.

    A kind of failure overrides what it spoils: the config of the data or
    batches after normalisation. As text it is what reports call it.

    Attributes:
        place: Row and column in a protocol's table; the combinations are
            the rows where that of the failure is empty.
        spoils_batches: Whether it acts after normalisation.
        shows_all: The network may use all that a sample has, and is not
            told of the loss.
    """

    place = '', 'clean'
    spoils_batches = False
    shows_all = False

    def __str__(self) -> str:
        return ''

    def spoil_loader(self, dataloader: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the config of a data loader whose data have failed."""
        return dataloader

    def occurring(self, combinations: Sequence[str]) -> tuple[str, ...]:
        """Return those of the combinations that samples are scored under."""
        return tuple(combinations)

    def takes(
        self, needed: Tensor, has: Tensor, metas: Sequence[Mapping[str, Any]]
    ) -> Tensor:
        """Return which samples are scored under a combination, (n,) bool.

        Args:
            needed: (M,) flags of the combination.
            has: (n, M) flags of what the samples really have.
            metas: Their metainfo.
        """
        return (has | ~needed).all(1)

    def spoil_batch(
        self,
        inputs: Tensor,
        stack: Stack,
        available: Tensor,
        seeds: Sequence[int],
    ) -> Tensor:
        """Return what is left of a normalised batch.

        Args:
            inputs: (n, sum C, h, w), normalised, in stack order.
            stack: The modalities.
            available: (M,) flags of the combination that is scored.
            seeds: n numbers, one per image.

        Returns:
            The same shape.
        """
        return inputs


@dataclass(frozen=True)
class RandomMissing(Failure):
    """RMM: modalities outside of the combination lose values by chance.

    Args:
        rate: Probability of a value to be lost, 0 to 1.
        by_block: They are lost in blocks.
    """

    rate: float
    by_block: bool = False
    spoils_batches = True
    shows_all = True

    def __str__(self) -> str:
        return f'{"RMM-blocks" if self.by_block else "RMM"} {self.rate}'

    @property
    def place(self) -> tuple[str, str]:
        """Nothing and the rate."""
        return '', str(self.rate)

    def spoil_batch(
        self,
        inputs: Tensor,
        stack: Stack,
        available: Tensor,
        seeds: Sequence[int],
    ) -> Tensor:
        """Return a copy with zeros in the modalities that failed."""
        return drop_values(
            inputs, stack, available, self.rate, seeds, self.by_block
        )


@dataclass(frozen=True)
class Noisy(Failure):
    """NM: noise on all that is there.

    Args:
        level: ``low``, ``mid`` or ``high``.
    """

    level: str
    spoils_batches = True

    def __str__(self) -> str:
        return f'NM {self.level}'

    @property
    def place(self) -> tuple[str, str]:
        """Nothing and the level."""
        return '', self.level

    def spoil_batch(
        self,
        inputs: Tensor,
        stack: Stack,
        available: Tensor,
        seeds: Sequence[int],
    ) -> Tensor:
        """Return a noisy copy."""
        return add_sensor_noise(inputs, stack, NM_LEVELS[self.level], seeds)


@dataclass(frozen=True)
class Faulty(Failure):
    """One fault of one modality, in the files as they are loaded.

    Args:
        fault: Key of :data:`~mmseg_missing.corruptions.FAULTS`.
        modality: Name.
        severity: 1 to 5.

    Raises:
        TypeError: a severity that is no whole number.
        ValueError: unknown fault or severity.
    """

    fault: str
    modality: str
    severity: int

    def __post_init__(self) -> None:
        check_fault(self.fault, self.severity)

    def __str__(self) -> str:
        return ', '.join(self.place)

    @property
    def place(self) -> tuple[str, str]:
        """Fault and modality, and the severity."""
        return f'{self.fault} on {self.modality}', f'severity {self.severity}'

    def spoil_loader(self, dataloader: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a copy with the fault as a step after loading.

        Raises:
            ValueError: a data set, or one of several, without a pipeline.
        """
        dataloader = copy.deepcopy(dataloader)
        fault = {'type': 'CorruptModality', **vars(self)}
        for dataset in data_sets(dataloader['dataset']):
            steps = dataset.get('pipeline')
            if not steps:
                raise ValueError(
                    'faults enter the `pipeline` of the data sets in '
                    f'`test_dataloader`, and {dataset.get("type")} has none'
                )
            loads = [
                index + 1
                for index, step in enumerate(steps)
                if step['type'].endswith('LoadModalities')
            ]
            place = max(loads, default=0)
            dataset['pipeline'] = [*steps[:place], fault, *steps[place:]]
        return dataloader


def parse_failure(text: str | None) -> Failure:
    """Return what ``test_cfg.failure`` stands for; None: nothing fails.

    Raises:
        ValueError: neither ``RMM 0.75`` nor ``NM low`` or the like.
    """
    if text is None:
        return Failure()
    kind, _, value = str(text).partition(' ')
    if kind == 'NM' and value in NM_LEVELS:
        return Noisy(value)
    try:
        rate = float(value)
    except ValueError:
        rate = -1.0
    if kind in ('RMM', 'RMM-blocks') and 0 <= rate <= 1:
        return RandomMissing(rate, by_block=kind != 'RMM')
    raise ValueError(
        "`failure` must be 'RMM <rate from 0 to 1>', 'RMM-blocks <rate>' or "
        f"'NM <one of {list(NM_LEVELS)}>', got {text!r}"
    )

"""Sensors that fall ill in training, so that a network learns to bear it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ...corruptions import FAULTS, SEVERITIES, check_fault, corrupt
from ...modality import Stack
from ...sampling.sampler import Turn
from ...values import listed, naming, probability, settings, whole

KEY = 'model.degrade'
# Other draws than those of a sampler with the same seed.
OWN = 1_000_003
# Spoilt samples that show all that they have; the others show the sampler's
# draw, so that something may be missing beside what is ill.
COMPLETE = 0.5


class Degrading:
    """Lets one sensor of some samples suffer a fault, and says which.

    Draws depend on seed, iteration, rank and place in the batch, as those of
    samplers do. Faults act in raw units, as in tests, but RGB is not rounded
    and may leave 0..255.

    Args:
        stack: The modalities; those of one sensor fall ill together.
        rate: Share of the samples, 0 to 1.
        faults: Keys of :data:`~mmseg_missing.corruptions.FAULTS`; default:
            all.
        severities: Some of 1 to 5; default: all.
        seed: Seed of all draws.

    Raises:
        TypeError: a value of a wrong kind.
        ValueError: a rate outside [0, 1], an unknown fault or severity.
    """

    def __init__(
        self,
        stack: Stack,
        rate: float = 0.5,
        faults: Sequence[str] | None = None,
        severities: Sequence[int] = SEVERITIES,
        seed: int = 0,
    ) -> None:
        self.stack = stack
        self.rate = probability(f'{KEY}.rate', rate)
        given = tuple(FAULTS) if faults is None else faults
        self.faults = listed(f'{KEY}.faults', given, str)
        self.severities = listed(f'{KEY}.severities', severities)
        self.seed = whole(f'{KEY}.seed', seed)
        if not (self.faults and self.severities):
            raise ValueError(
                f'`{KEY}` needs a fault and a severity, got {faults!r} and '
                f'{severities!r}'
            )
        for fault in self.faults:
            for severity in self.severities:
                check_fault(fault, severity)

    def __call__(
        self,
        inputs: Tensor,
        there: Tensor,
        shown: Tensor,
        iteration: int,
        rank: int = 0,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return inputs, what of them is shown, and what of that is ill.

        Args:
            inputs: (n, sum C, h, w), normalised; they stay as they are.
            there: (n, M) bool on the CPU, what the samples have.
            shown: (n, M) bool, what the sampler drew of it.
            iteration: Number of the step.
            rank: Rank of the process.

        Returns:
            (n, sum C, h, w), (n, M) bool, and (n, M) bool or None.
        """
        inputs, shown = inputs.clone(), shown.clone()
        degraded = torch.zeros_like(shown)
        for i in range(len(inputs)):
            turn = Turn(self.seed + OWN, iteration, rank, i, len(inputs))
            generator = turn.generator()
            is_ill, is_complete = torch.rand(2, generator=generator).tolist()
            if is_ill >= self.rate:
                continue
            if is_complete < COMPLETE:
                shown[i] = there[i]
            degraded[i] = self._one_sensor(shown[i], generator)
            self._spoil(inputs[i], degraded[i], generator)
        return inputs, shown, degraded if degraded.any() else None

    def _one_sensor(self, shown: Tensor, generator: Generator) -> Tensor:
        """Return the modalities of one sensor that is shown, (M,) bool."""
        sensors = [
            m.sensor for m, is_shown in zip(self.stack, shown) if is_shown
        ]
        chosen = _one_of(list(dict.fromkeys(sensors)), generator)
        return shown & torch.tensor([m.sensor == chosen for m in self.stack])

    def _spoil(
        self, image: Tensor, degraded: Tensor, generator: Generator
    ) -> None:
        """Write a fault into some modalities of (sum C, h, w)."""
        fault = _one_of(self.faults, generator)
        severity = _one_of(self.severities, generator)
        seed = int(torch.randint(2**31, (), generator=generator))
        for modality, is_ill in zip(self.stack, degraded.tolist()):
            if not is_ill:
                continue
            where = self.stack.slices[modality.name]
            mean, std = (
                torch.tensor(values).to(image)[:, None, None]
                for values in (modality.mean, modality.std)
            )
            raw = image[where] * std + mean
            # Holes are exactly 0, and were before they were normalised.
            is_hole = raw.abs() < 1e-5 * (mean.abs() + std)
            raw = raw.masked_fill(is_hole, 0.0)
            image[where] = (corrupt(raw, fault, severity, seed) - mean) / std


def build_degrading(
    segmentor: nn.Module, config: Mapping[str, Any] | None
) -> Degrading | None:
    """Return what spoils the training samples of a segmentor.

    Raises:
        ValueError: values that cannot be, or adapters that are not told.
    """
    if config is None:
        return None
    given = settings(KEY, config)
    with naming(KEY):
        degrading = Degrading(segmentor.stack, **given)
    if any(segmentor._banks) and not segmentor.recovers:
        raise ValueError(
            f'`{KEY}` spoils sensors, and nothing here is told of it; set '
            "`model.generator=dict(type='ConvGenerator', recovers=True)`, or "
            "`model.adapter.rows=dict(type='additive', degraded=True)`"
        )
    return degrading


def _one_of(options: Sequence[Any], generator: Generator) -> Any:
    return options[int(torch.randint(len(options), (), generator=generator))]

"""What the loops over combinations can do to a normalised batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from mmseg_missing.corruptions import NM_LEVELS, add_sensor_noise, drop_values
from mmseg_missing.modality import Stack


@dataclass(frozen=True)
class RandomMissing:
    """RMM: modalities outside of the combination lose values by chance.

    The network sees what remains and is not told of the loss.

    Args:
        rate: Probability of a value to be lost, 0 to 1.
    """

    rate: float
    shows_all = True

    def __call__(
        self,
        inputs: Tensor,
        stack: Stack,
        available: Sequence[bool],
        seeds: Sequence[int],
    ) -> Tensor:
        """Return a spoilt copy of (n, sum C, h, w)."""
        return drop_values(inputs, stack, available, self.rate, seeds)


@dataclass(frozen=True)
class Noisy:
    """NM: noise on all that is there.

    Args:
        level: ``low``, ``mid`` or ``high``.
    """

    level: str
    shows_all = False

    def __call__(
        self,
        inputs: Tensor,
        stack: Stack,
        available: Sequence[bool],
        seeds: Sequence[int],
    ) -> Tensor:
        """Return a spoilt copy of (n, sum C, h, w)."""
        return add_sensor_noise(inputs, stack, NM_LEVELS[self.level], seeds)


def parse_failure(text: str | None) -> RandomMissing | Noisy | None:
    """Return what ``RMM 0.75`` or ``NM low`` stand for.

    Raises:
        ValueError: something else.
    """
    if text is None:
        return None
    kind, _, value = str(text).partition(' ')
    if kind == 'NM' and value in NM_LEVELS:
        return Noisy(value)
    try:
        rate = float(value)
    except ValueError:
        rate = -1.0
    if kind == 'RMM' and 0 <= rate <= 1:
        return RandomMissing(rate)
    raise ValueError(
        f"`failure` must be 'RMM <rate from 0 to 1>' or 'NM <one of "
        f"{list(NM_LEVELS)}>', got {text!r}"
    )

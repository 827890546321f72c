"""What follows from a verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from ..names import Names
from .monitor import SensorMonitor
from .streams import Stream
from .verdict import ABSENT, NOT_FINITE, Verdict

POLICIES = Names('policy', 'a function of `present` and a `Verdict`', callable)
"""From (n, M) flags and a verdict to the flags that the network is told, or
to a :class:`Told`."""


class Told(NamedTuple):
    """What a network is told of its sensors.

    Args:
        present: (n, M) bool on the CPU.
        degraded: (n, M) bool, what of it is degraded; None: nothing.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> Told.of(stack.present('rgb')).degraded is None
    True
    """

    present: Tensor
    degraded: Tensor | None = None

    @classmethod
    def of(cls, given: Tensor | Told) -> Told:
        """Return what a policy gave, flags alone included."""
        return given if isinstance(given, Told) else cls(given)


def trust(present: Tensor, verdict: Verdict) -> Tensor:
    """Believe every sensor, as without a monitor."""
    return present


def drop(present: Tensor, verdict: Verdict) -> Tensor:
    """Treat what is harmful as absent.

    Where nothing would be left, the sensor with the lowest score stays.

    Raises:
        ValueError: nothing that a sample has is finite.
    """
    kept = present & ~verdict.harmful
    for row in (~kept.any(1)).nonzero().flatten().tolist():
        may = present[row] & (verdict.causes[row] != NOT_FINITE)
        if not may.any():
            has = [n for n, p in zip(verdict.names, present[row]) if p]
            raise ValueError(
                f'no sensor of a sample can be used: {", ".join(has)} hold '
                'NaN or infinity; leave this sample out'
            )
        scores = verdict.scores[row].masked_fill(~may, torch.inf)
        kept[row, scores.argmin()] = True
    return kept


def recover(present: Tensor, verdict: Verdict) -> Told:
    """Keep what is harmful, but say so; what is absent as :func:`drop`.

    For networks that were trained to be told.
    """
    lost = verdict.harmful & (verdict.states == ABSENT)
    kept = drop(present, replace(verdict, harmful=lost))
    return Told(kept, kept & verdict.harmful)


for _policy in (trust, drop, recover):
    POLICIES[_policy.__name__] = _policy


@dataclass(frozen=True)
class Watch:
    """A monitor and what follows from its verdicts.

    Args:
        monitor: Judges.
        policy: Key of :data:`POLICIES`.
        is_quick: Look only at what is harmful, at a third of the cost;
            verdicts then say less.

    Raises:
        ValueError: unknown policy.
    """

    monitor: SensorMonitor
    policy: str = 'drop'
    is_quick: bool = True

    def __post_init__(self) -> None:
        POLICIES.find('policy', self.policy)

    def __call__(
        self, inputs: Tensor, present: Tensor, stream: Stream | None = None
    ) -> Tensor:
        """Return what counts as present, (n, M) bool; see :meth:`tell`."""
        return self.tell(inputs, present, stream).present

    def tell(
        self, inputs: Tensor, present: Tensor, stream: Stream | None = None
    ) -> Told:
        """Return what the network is told.

        Args:
            inputs: (n, sum C, h, w), normalised.
            present: (n, M) bool on the CPU.
            stream: What is remembered; n is 1 then.
        """
        before = stream.previous if stream else None
        verdict = self.monitor(inputs, present, before, self.is_quick)
        if stream:
            stream.previous = inputs
            verdict = stream.settle(verdict)
        return Told.of(POLICIES[self.policy](present, verdict))

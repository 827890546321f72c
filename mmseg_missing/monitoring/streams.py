"""Verdicts on a stream of frames, which do not flicker."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import torch
from torch import Tensor

from .verdict import ABSENT, DEGRADED, RETURNING, Verdict


class Stream:
    """What is remembered of one rig of sensors between frames.

    A sensor goes off after 2 harmful frames of 3, and on again after 5
    good ones in a row. One that gives nothing, or nothing that can be used, is
    off at once.

    Args:
        off: Bad frames, of how many, after which a sensor is off.
        on: Good frames in a row after which it is on again.

    Attributes:
        previous: The inputs of the last frame, (1, sum C, h, w).
        verdict: The last one, without what is remembered.

    >>> Stream(off=(3, 5), on=10).previous is None
    True
    """

    def __init__(self, off: tuple[int, int] = (2, 3), on: int = 5) -> None:
        self._needed, window = off
        if not 1 <= self._needed <= window or on < 1:
            raise ValueError(
                '`off` takes bad frames of how many, `on` good frames, got '
                f'{off} and {on}'
            )
        self._window, self._on = window, on
        self.previous: Tensor | None = None
        self.verdict: Verdict | None = None
        self._bad: list[deque[bool]] = []
        self._good: list[int] = []  # in a row, of sensors that are off

    def settle(self, verdict: Verdict) -> Verdict:
        """Return the verdict on the next frame, with what is remembered.

        Args:
            verdict: Verdict of one sample.
        """
        self.verdict = verdict
        bad = verdict.harmful[0].tolist()
        lost = (verdict.states[0] == ABSENT).tolist()
        if not self._bad:
            self._bad = [deque(maxlen=self._window) for _ in bad]
            self._good = [self._on] * len(bad)
        steps = map(self._step, range(len(bad)), bad, lost)
        is_off = torch.tensor([list(steps)])
        is_returning = is_off & ~verdict.harmful
        return replace(
            verdict,
            states=verdict.states.masked_fill(is_returning, DEGRADED),
            causes=verdict.causes.masked_fill(is_returning, RETURNING),
            harmful=is_off,
        )

    def _step(self, index: int, is_bad: bool, is_lost: bool) -> bool:
        """Remember a sensor's frame, and say whether it is off."""
        bad = self._bad[index]
        bad.append(is_bad)
        is_off = self._good[index] < self._on
        if not is_bad:
            self._good[index] += 1
        elif is_off or is_lost or sum(bad) >= self._needed:
            self._good[index] = 0
        return self._good[index] < self._on

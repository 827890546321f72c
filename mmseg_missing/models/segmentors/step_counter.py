"""Training steps and what they showed, counted in one place."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce
from mmengine.logging import MessageHub
from torch import Tensor

from ...modality import Stack
from ...present import count, places


class StepCounter:
    """Counts steps, in a Runner or in a loop of one's own, and their draws.

    The number follows the Runner's iterations while they move, else it
    counts itself: a resumed run draws what a run without a stop would, and
    a loop without a Runner, or after one, does not draw the same for ever.

    Args:
        stack: The modalities.

    Attributes:
        counts: (2^M,) int64, the samples of all ranks that showed each
            combination, see :func:`mmseg_missing.present.count`.
        losses: (2^M,) float64 on the CPU, the mean loss of those that showed
            it in the last step; NaN where none did. None: nobody asked.
        is_watched: Whether somebody asks for ``losses`` besides a sampler
            that listens; set it before a step.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.counts = torch.zeros(1 << len(stack), dtype=torch.long)
        self.losses: Tensor | None = None
        self.is_watched = False
        self._iteration: int | None = None
        self._step = -1

    @property
    def now(self) -> int:
        """Number of the step that began last, 0 before the first."""
        return max(self._step, 0)

    def next(self) -> int:
        """Return the number of the step that begins, from 0 on."""
        hub = MessageHub.get_current_instance()
        iteration = hub.get_info('iter', None)
        if iteration is None or iteration == self._iteration:
            self._step += 1
        else:
            self._step = int(iteration)
        self._iteration = iteration
        return self._step

    def add(
        self,
        present: Tensor,
        device: torch.device,
        losses: Tensor | None = None,
    ) -> Tensor:
        """Count what all ranks showed in this step, and what it lost.

        Args:
            present: (n, M) bool, of this rank.
            device: Where ranks meet.
            losses: (n,), of this rank's samples; one that is not finite does
                not count. None: nobody asks for :attr:`losses`.

        Returns:
            (2^M,) int64, of this step.
        """
        counts = count(present).to(device)
        if losses is None:
            all_reduce(counts)
        else:
            # As one table, which costs ranks no further meeting.
            table = torch.stack([counts.double(), *_sums(present, losses)])
            all_reduce(table)
            counts = table[0].long()
            self.losses = (table[2] / table[1]).cpu()  # 0 / 0 is NaN
        self.counts = self.counts.to(device) + counts
        return counts

    @property
    def seen(self) -> dict[str, int]:
        """How many samples showed which combination, by name."""
        names = self.stack.subsets()
        found = self.counts[places(self.stack.present(names))].tolist()
        return {name: number for name, number in zip(names, found) if number}


def _sums(present: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
    """Return numbers and sums of finite losses, (2^M,) each, float64."""
    is_finite = losses.isfinite()
    losses = losses.double().where(is_finite, losses.new_zeros(()).double())
    where = places(present).to(losses.device)
    zeros = losses.new_zeros(1 << present.shape[1])
    number = zeros.index_add(0, where, is_finite.double())
    return number, zeros.index_add(0, where, losses)

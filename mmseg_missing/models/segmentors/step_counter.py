"""The number of a training step, in a Runner or in a loop of one's own."""

from __future__ import annotations

from mmengine.logging import MessageHub


class StepCounter:
    """Follows the Runner's iterations while they move, else counts itself.

    So a resumed run draws what a run without a stop would, and a loop
    without a Runner, or after one, does not draw the same for ever.
    """

    def __init__(self) -> None:
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

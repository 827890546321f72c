"""A network on completed input and on what is there teach each other."""

from __future__ import annotations

from mmengine.logging import MessageHub
from torch import Tensor

from ...values import probability, real
from ..losses import LogitKL, Output

KEY = 'model.completion.distillation'


class CoDistillation:
    """Cross entropy of both inputs, and a divergence in both directions.

        L = labels * CE(plain)
          + weight * ramp * (KL(completed, plain) + KL(plain, completed)),

    beside the CE of the completed input. The first of a pair is the teacher
    and gets no gradient; :class:`~mmseg_missing.models.losses.LogitKL` says
    at which pixels it is heard. Only samples from which something is absent
    or hidden have two inputs that differ; at least one sample takes part.

    Args:
        weight: Weight of the divergence.
        labels: Weight of the cross entropy on what is there.
        temperature: See ``LogitKL``.
        confidence: See ``LogitKL``.
        ramp: Share of the training over which ``weight`` grows from 0, by
            the iterations of the Runner; 0, and a loop of one's own: it is
            whole from the start.

    Raises:
        TypeError: a value that is no number.
        ValueError: one out of range.

    Source: after the data-model co-distillation of Zhao et al.,
    arXiv:2406.01987, of which its abstract alone was known.
    """

    def __init__(
        self,
        weight: float = 0.5,
        labels: float = 1.0,
        temperature: float = 2.0,
        confidence: float = 0.8,
        ramp: float = 1 / 3,
    ) -> None:
        self.weight = real(f'{KEY}.weight', weight, least=0)
        self.labels = real(f'{KEY}.labels', labels, least=0)
        self.ramp = probability(f'{KEY}.ramp', ramp)
        real(f'{KEY}.temperature', temperature, above=0)
        probability(f'{KEY}.confidence', confidence)
        self.divergence = LogitKL(temperature, confidence, loss_weight=1.0)

    def __call__(
        self, completed: Output, plain: Output, labels: Tensor, step: int
    ) -> Tensor:
        """Return the weighted divergence, a scalar.

        Args:
            completed: Logits of samples on completed input.
            plain: Logits of the same samples on what is there.
            labels: (n, H, W).
            step: Number of the training step.
        """
        both = self.divergence(plain, completed, labels)
        both = both + self.divergence(completed, plain, labels)
        return self.weight * self.risen(step) * both

    def risen(self, step: int) -> float:
        """Return how much of the weight counts in a step, 0 to 1."""
        hub = MessageHub.get_current_instance()
        most = self.ramp * (hub.get_info('max_iters', None) or 0)
        return min(1.0, step / most) if most else 1.0

"""What all losses against a teacher share."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from ...values import real

KEY = 'model.teacher'  # where these losses stand in a config


class Output(NamedTuple):
    """What a network gives for a batch.

    Args:
        features: One map (n, c_l, h_l, w_l) per level, as the head gets them.
        logits: (n, classes, h, w), as the head gives them: not up-sampled.
    """

    features: tuple[Tensor, ...]
    logits: Tensor


class TeacherLoss(nn.Module):
    """How far a student is from its teacher.

    Args:
        loss_weight: Factor.
        loss_name: Key in the log; without ``loss`` in it, it is logged only.
    """

    def __init__(self, loss_weight: float, loss_name: str) -> None:
        super().__init__()
        real(f'{KEY}.loss_weight', loss_weight, least=0)
        if not isinstance(loss_name, str) or not loss_name:
            raise TypeError(
                f'`{KEY}.loss_name` takes a word, got {loss_name!r}'
            )
        self.loss_weight, self.loss_name = loss_weight, loss_name

    def forward(
        self, student: Output, teacher: Output, labels: Tensor
    ) -> Tensor:
        """Return the weighted loss, a scalar.

        Args:
            student: Of the network that learns.
            teacher: Of the same batch; it gets no gradient.
            labels: (n, H, W) class numbers, something else where there is
                none.
        """
        return self.loss_weight * self.distance(student, teacher, labels)

    def distance(
        self, student: Output, teacher: Output, labels: Tensor
    ) -> Tensor:
        """Return the loss before its weight."""
        raise NotImplementedError

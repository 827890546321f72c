"""Distillation of the fused features."""

from __future__ import annotations

from collections.abc import Sequence

from mmseg.registry import MODELS
from torch import Tensor

from ...values import listed, whole
from .base import KEY, Output, TeacherLoss
from .ranks import mean_over_ranks, std_over_ranks

# A channel that hardly varies counts as if it had this part of the mean
# spread of its level; else a dead one would outweigh all others.
LEAST_SPREAD = 0.1


@MODELS.register_module()
class FeatureMSE(TeacherLoss):
    """Sum over levels of mean(((f_s - f_t) / std_t)^2).

    f are the maps that the head gets (of the neck, else of the backbone);
    std_t is the teacher's standard deviation per channel, over all positions
    of the batch (of all processes), so that every level and channel counts
    the same.

    Args:
        levels: Which maps, by position; default: all.
        loss_weight: Factor.
        loss_name: Key in the log.

    Raises:
        ValueError: the network has no such level (in the first forward).
    """

    def __init__(
        self,
        levels: Sequence[int] | None = None,
        loss_weight: float = 0.1,
        loss_name: str = 'loss_feature',
    ) -> None:
        super().__init__(loss_weight, loss_name)
        if levels is not None:
            key = f'{KEY}.levels'
            levels = [whole(key, i, 0) for i in listed(key, levels)]
        self.levels = levels

    def distance(
        self, student: Output, teacher: Output, labels: Tensor
    ) -> Tensor:
        """Return the sum over levels; no label counts."""
        count = len(student.features)
        levels = range(count) if self.levels is None else self.levels
        if not levels or not set(levels) <= set(range(count)):
            raise ValueError(
                f'`levels` of FeatureMSE takes some of 0..{count - 1}, got '
                f'{list(levels)}; check `model.teacher`'
            )
        return sum(
            standardised_mse(student.features[i], teacher.features[i])
            for i in levels
        )


def standardised_mse(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the error in units of the teacher's spread per channel."""
    teacher = teacher.detach().float()
    std = std_over_ranks(teacher)
    std = std.clamp(min=LEAST_SPREAD * std.mean()).clamp(min=1e-6)
    error = ((student.float() - teacher) / std).square().mean()
    count = teacher.numel()
    return error * (count / mean_over_ranks(count, teacher.device))

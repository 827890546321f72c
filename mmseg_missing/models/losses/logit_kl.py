"""Distillation of the class probabilities of each pixel."""

from __future__ import annotations

import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from ...values import probability, real
from .base import KEY, Output, TeacherLoss
from .ranks import mean_over_ranks


@MODELS.register_module()
class LogitKL(TeacherLoss):
    """T^2 * mean over valid pixels of KL(softmax(z_t / T), softmax(z_s / T)).

    z_t and z_s are the logits of teacher and student. A pixel is valid where
    the teacher is right or confident: its class is the label's, or its
    largest probability (at T = 1) is at least ``confidence``. Where there is
    no label only confidence counts. It is computed at the resolution of the
    logits, with the nearest label.

    Args:
        temperature: T; more than 1 keeps the student from a confidence that
            it cannot have without the sensor.
        confidence: In [0, 1]; with 0 every pixel is valid.
        loss_weight: Factor.
        loss_name: Key in the log.

    Raises:
        ValueError: a number that cannot work, or (in the first forward) a
            head with one logit.

    Source: Hinton et al., Distilling the Knowledge in a Neural Network,
    arXiv:1503.02531; the mask is this project's.
    """

    def __init__(
        self,
        temperature: float = 2.0,
        confidence: float = 0.8,
        loss_weight: float = 0.5,
        loss_name: str = 'loss_kl',
    ) -> None:
        super().__init__(loss_weight, loss_name)
        self.temperature = real(f'{KEY}.temperature', temperature, above=0)
        self.confidence = probability(f'{KEY}.confidence', confidence)

    def distance(
        self, student: Output, teacher: Output, labels: Tensor
    ) -> Tensor:
        """Return the mean over valid pixels, 0 if there is none."""
        if student.logits.shape[1] == 1:
            raise ValueError(
                'LogitKL needs a logit per class, the head gives one for two; '
                'set `model.decode_head.out_channels` to 2'
            )
        target = teacher.logits.detach().float()
        ours = F.log_softmax(student.logits.float() / self.temperature, 1)
        theirs = F.log_softmax(target / self.temperature, 1)
        each = F.kl_div(ours, theirs, reduction='none', log_target=True)
        valid = self.valid(target, labels)
        total = (each.sum(1) * valid).sum()
        count = mean_over_ranks(valid.sum(), valid.device)
        return self.temperature**2 * total / (count + (count == 0))

    def valid(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return (n, h, w) bool: where the teacher is worth listening to."""
        probability, answer = logits.softmax(1).max(1)
        nearest = F.interpolate(
            labels[:, None].float(), answer.shape[1:], mode='nearest-exact'
        )
        return (answer == nearest[:, 0]) | (probability >= self.confidence)

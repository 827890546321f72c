"""Losses against a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...values import listed, probability, real, whole
from .ranks import mean_over_ranks, std_over_ranks

KEY = 'model.teacher'  # where these losses stand in a config
# A channel that hardly varies counts as if it had this part of the mean
# spread of its level; else a dead one would outweigh all others.
LEAST_SPREAD = 0.1


class Output(NamedTuple):
    """What a network gives for a batch.

    Args:
        features: One map (n, c_l, h_l, w_l) per level, as the head gets them.
        logits: (n, classes, h, w), as the head gives them: not up-sampled.

    >>> output = Output((torch.rand(2, 8, 5, 7),), torch.rand(2, 11, 5, 7))
    >>> output.logits.shape
    torch.Size([2, 11, 5, 7])
    """

    features: tuple[Tensor, ...]
    logits: Tensor


class TeacherLoss(nn.Module):
    """How far a student is from its teacher.

    Args:
        loss_weight: Factor.
        loss_name: Key in the log; without ``loss`` in it, it is logged only.

    >>> class Gap(TeacherLoss):
    ...     def distance(self, student, teacher, labels):
    ...         return (student.logits - teacher.logits).abs().mean()
    >>> z = torch.zeros(1, 3, 4, 4)
    >>> z[:, 0] = 9.0
    >>> teacher, student = Output((z,), z), Output((0.9 * z,), 0.9 * z)
    >>> labels = torch.zeros(1, 8, 8, dtype=torch.long)
    >>> round(Gap(0.5, 'loss_gap')(student, teacher, labels).item(), 3)
    0.15
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
            student: Output of the network that learns.
            teacher: Output for the same batch; it gets no gradient.
            labels: (n, H, W) class numbers, something else where there is
                none.
        """
        return self.loss_weight * self.distance(student, teacher, labels)

    def distance(
        self, student: Output, teacher: Output, labels: Tensor
    ) -> Tensor:
        """Return the loss before its weight."""
        raise NotImplementedError


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
        confidence: Number in [0, 1]; with 0 every pixel is valid.
        loss_weight: Factor.
        loss_name: Key in the log.

    Raises:
        ValueError: a number that cannot work, or (in the first forward) a
            head with one logit.

    Source: Hinton et al., Distilling the Knowledge in a Neural Network,
    arXiv:1503.02531; the mask is this project's.

    >>> z = torch.zeros(1, 3, 4, 4)
    >>> z[:, 0] = 9.0
    >>> teacher, student = Output((z,), z), Output((0.9 * z,), 0.9 * z)
    >>> labels = torch.zeros(1, 8, 8, dtype=torch.long)
    >>> LogitKL()(student, teacher, labels).shape
    torch.Size([])
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


@MODELS.register_module()
class ChannelWiseKL(TeacherLoss):
    """tau^2 / (C N) * sum over n, c of KL(p_t(n, c), p_s(n, c)).

    p(n, c) = softmax over the h * w positions of logits[n, c] / tau: where in
    the image class c is. It says nothing of how sure the network is, so use
    it instead of :class:`LogitKL`, not on top.

    Args:
        tau: Temperature.
        loss_weight: Factor.
        loss_name: Key in the log.

    Raises:
        ValueError: ``tau`` is not positive.

    Source: Shu et al., Channel-wise Knowledge Distillation for Dense
    Prediction, ICCV 2021, arXiv:2011.13256.

    >>> z = torch.zeros(1, 3, 4, 4)
    >>> z[:, 0] = 9.0
    >>> teacher, student = Output((z,), z), Output((0.9 * z,), 0.9 * z)
    >>> labels = torch.zeros(1, 8, 8, dtype=torch.long)
    >>> ChannelWiseKL()(teacher, teacher, labels).item()  # the same: 0
    0.0
    """

    def __init__(
        self,
        tau: float = 1.0,
        loss_weight: float = 5.0,
        loss_name: str = 'loss_cwd',
    ) -> None:
        super().__init__(loss_weight, loss_name)
        self.tau = real(f'{KEY}.tau', tau, above=0)

    def distance(
        self, student: Output, teacher: Output, labels: Tensor
    ) -> Tensor:
        """Return the mean over samples and classes; no label counts."""
        ours = self._positions(student.logits)
        theirs = self._positions(teacher.logits.detach())
        total = F.kl_div(ours, theirs, reduction='sum', log_target=True)
        n, c = student.logits.shape[:2]
        n = mean_over_ranks(n, total.device)
        return self.tau**2 * total / (c * n)

    def _positions(self, logits: Tensor) -> Tensor:
        return F.log_softmax(logits.float().flatten(2) / self.tau, 2)


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

    >>> z = torch.zeros(1, 3, 4, 4)
    >>> z[:, 0] = 9.0
    >>> teacher, student = Output((z,), z), Output((0.9 * z,), 0.9 * z)
    >>> labels = torch.zeros(1, 8, 8, dtype=torch.long)
    >>> FeatureMSE()(teacher, teacher, labels).item()  # the same: 0
    0.0
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

"""Distillation of where each class is."""

from __future__ import annotations

import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from ...values import real
from .base import KEY, Output, TeacherLoss
from .ranks import mean_over_ranks


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

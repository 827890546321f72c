"""MMEngine's averages of weights, of those alone that learn.

``EMAHook`` finds them under the names that it knows.
"""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import averaged_model
from mmseg.registry import MODELS
from torch import nn


class _OfWhatLearns:
    """Share frozen parameters with the network instead of averaging them.

    They would be the same numbers twice, and nearly all of an adapted
    network. Counts, such as the samples that each row has seen, are copied:
    they have no average.
    """

    def __init__(self, model: nn.Module, *args: Any, **kwargs: Any) -> None:
        super().__init__(model, *args, **kwargs)
        if kwargs.get('device') is not None:  # it lies elsewhere
            return
        for ours, theirs in zip(self.module.modules(), model.modules()):
            for name, parameter in theirs._parameters.items():
                if parameter is not None and not parameter.requires_grad:
                    ours._parameters[name] = parameter
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                self.avg_parameters.pop(name, None)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Take the network's parameters of this step into the average."""
        super().update_parameters(model)
        for ours, theirs in zip(self.module.buffers(), model.buffers()):
            if not ours.is_floating_point():
                ours.copy_(theirs)


@MODELS.register_module()
class ExponentialMovingAverage(
    _OfWhatLearns, averaged_model.ExponentialMovingAverage
):
    """As MMEngine's."""


@MODELS.register_module()
class MomentumAnnealingEMA(_OfWhatLearns, averaged_model.MomentumAnnealingEMA):
    """As MMEngine's."""


@MODELS.register_module()
class StochasticWeightAverage(
    _OfWhatLearns, averaged_model.StochasticWeightAverage
):
    """As MMEngine's."""

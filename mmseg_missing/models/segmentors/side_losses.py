"""Losses that modules inside a network ask for."""

from torch import Tensor, nn


def taken_losses(root: nn.Module) -> dict[str, Tensor]:
    """Return what modules ask for besides the losses of the heads.

    Such a module has a method ``take_losses`` that returns the losses of its
    last forward by name, once; the same name of several modules is summed.
    """
    losses: dict[str, Tensor] = {}
    for module in root.modules():
        take = getattr(module, 'take_losses', dict)
        for name, value in take().items():
            losses[name] = losses.get(name, 0) + value
    return losses

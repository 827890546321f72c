"""The network inside of what runs it."""

from __future__ import annotations

from mmengine.model import is_model_wrapper
from torch import nn


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside of a wrapper for several processes."""
    return model.module if is_model_wrapper(model) else model


def network_of(model: nn.Module) -> nn.Module:
    """Return the segmentor inside of wrappers for DDP and augmentation."""
    model = unwrapped(model)
    return getattr(model, 'module', model)

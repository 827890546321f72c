"""Steps that take the memory of what they get, where nobody else sees it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...adapters.adapter import is_free
from ...products import is_plain_inference

LEAST = 100_000  # numbers, below which asking costs more than it gains


def gelu(x: Tensor, layer: nn.Module) -> Tensor:
    """Return GELU of ``x``.

    Args:
        x: What ``layer`` gave; overwritten if neither a hook but an
            adapter's, nor a gradient, nor a trace can see that.
        layer: The layer that was called, with no other step after it.
    """
    if _is_ours(x, layer):
        return torch.ops.aten.gelu_(x)
    return F.gelu(x)


def relu(x: Tensor, layer: nn.Module) -> Tensor:
    """Return ReLU of ``x``, with the arguments of :func:`gelu`."""
    if _is_ours(x, layer):
        return x.relu_()
    return F.relu(x)


def _is_ours(x: Tensor, layer: nn.Module) -> bool:
    return is_plain_inference() and x.numel() >= LEAST and is_unseen(layer)


def is_unseen(layer: nn.Module) -> bool:
    """Say whether no hook but an adapter's sees what ``layer`` gives."""
    adapter = getattr(layer, 'adapter', None)
    parts = [] if adapter is None else adapter.modules()
    return is_free(layer) and not any(part._forward_hooks for part in parts)

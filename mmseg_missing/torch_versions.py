"""The only place that knows that older releases of torch name things apart.

The lowest is 2.1: it is what the wheels of mmcv 2.1 were built for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

if hasattr(torch.compiler, 'is_compiling'):  # from 2.3 on
    from torch.compiler import is_compiling
else:
    from torch._dynamo import is_compiling

__all__ = ['autocast_dtype', 'before_loading', 'is_compiling']


def autocast_dtype(kind: str) -> torch.dtype | None:
    """Return what autocast computes in on a device type, None if it is off.

    >>> autocast_dtype('cpu') is None  # outside of a block
    True
    """
    if hasattr(torch, 'get_autocast_dtype'):  # from 2.4 on
        is_on = torch.is_autocast_enabled(kind)
        return torch.get_autocast_dtype(kind) if is_on else None
    if kind == 'cpu':
        is_on = torch.is_autocast_cpu_enabled()
        return torch.get_autocast_cpu_dtype() if is_on else None
    return (
        torch.get_autocast_gpu_dtype() if torch.is_autocast_enabled() else None
    )


def before_loading(module: nn.Module, hook: Callable[..., None]) -> Any:
    """Let ``hook(module, state_dict, ...)`` run before a state is loaded.

    Returns:
        A handle that removes it.
    """
    register = getattr(module, 'register_load_state_dict_pre_hook', None)
    if register is not None:  # from 2.5 on
        return register(hook)
    return module._register_load_state_dict_pre_hook(hook, with_module=True)

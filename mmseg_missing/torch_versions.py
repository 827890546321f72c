"""The only place that knows that older releases of torch name things apart.

The lowest is 2.1: it is what the wheels of mmcv 2.1 were built for.
"""

from __future__ import annotations

import torch

if hasattr(torch.compiler, 'is_compiling'):  # from 2.3 on
    from torch.compiler import is_compiling
else:
    from torch._dynamo import is_compiling

__all__ = ['autocast_dtype', 'is_compiling']


def autocast_dtype(kind: str) -> torch.dtype | None:
    """Return what autocast computes in on a device type, None if it is off."""
    if hasattr(torch, 'get_autocast_dtype'):  # from 2.4 on
        is_on = torch.is_autocast_enabled(kind)
        return torch.get_autocast_dtype(kind) if is_on else None
    if kind == 'cpu':
        is_on = torch.is_autocast_cpu_enabled()
        return torch.get_autocast_cpu_dtype() if is_on else None
    return (
        torch.get_autocast_gpu_dtype() if torch.is_autocast_enabled() else None
    )

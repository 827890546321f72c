"""Automatic mixed precision, on CPUs too."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper as GpuAmpOptimWrapper
from mmengine.optim import OptimWrapper
from mmengine.optim.optimizer.amp_optimizer_wrapper import GradScaler
from mmseg.registry import OPTIM_WRAPPERS

ON_CPU = (None, 'bfloat16', torch.bfloat16)


@OPTIM_WRAPPERS.register_module()
class AmpOptimWrapper(GpuAmpOptimWrapper):
    """MMEngine's, which refuses CPUs; there it computes in bfloat16.

    That has the range of float32, so on a CPU losses are not scaled,
    whatever ``loss_scale`` says.

    Args:
        loss_scale: As MMEngine's.
        dtype: ``float16`` or ``bfloat16``; default: ``float16`` on a GPU,
            ``bfloat16`` on a CPU, which takes nothing else.
        **kwargs: As MMEngine's.

    Raises:
        ValueError: another ``dtype`` on a CPU.
    """

    def __init__(
        self,
        loss_scale: float | str | dict = 'dynamic',
        dtype: str | torch.dtype | None = None,
        **kwargs: Any,
    ) -> None:
        if get_device() != 'cpu':
            super().__init__(loss_scale, dtype, **kwargs)
            return
        if dtype not in ON_CPU:
            raise ValueError(
                f'`optim_wrapper.dtype` {dtype!r} needs a GPU; on a CPU mixed '
                "precision is 'bfloat16'"
            )
        kwargs.pop('use_fsdp', None)
        OptimWrapper.__init__(self, **kwargs)
        self._scale_update_param = None
        self.loss_scaler = GradScaler(enabled=False)
        self.cast_dtype = torch.bfloat16

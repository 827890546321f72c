"""What becomes of a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement

from ..startup.sentences import last_line


@dataclass(frozen=True)
class Result:
    """What became of one frame.

    Args:
        name: Name of the frame.
        mask: (H, W) uint8, class indices; None: it failed.
        present: By modality, whether the network used it.
        frame: The arrays that were given.
        unrepaired: (H, W) uint8, what the bare base makes of the same
            sensors, where it was asked for and there are adapters.
        sample: As MMSegmentation has it, without logits.
        failure: Why there is no mask.
    """

    name: str
    mask: np.ndarray | None = None
    present: Mapping[str, bool] | None = None
    frame: Mapping[str, np.ndarray] | None = None
    unrepaired: np.ndarray | None = None
    sample: BaseDataElement | None = None
    failure: Exception | None = None

    @property
    def error(self) -> str:
        """The failure in one sentence; empty where there is none."""
        return last_line(self.failure) if self.failure else ''

    @property
    def combination(self) -> str:
        """What the network used, such as ``rgb+depth``."""
        return '+'.join(n for n, used in (self.present or {}).items() if used)


def mask_of(sample: Any) -> np.ndarray:
    """Return (H, W) uint8, the classes that a data sample predicts."""
    return sample.pred_sem_seg.data[0].to(torch.uint8).cpu().numpy()


def with_channels(values: Any) -> np.ndarray:
    """Return (H, W, C) of (H, W) or (H, W, C)."""
    array = np.asarray(values)
    return array[..., None] if array.ndim == 2 else array

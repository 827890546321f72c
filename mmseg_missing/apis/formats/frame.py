"""What every format is shown: one image under one combination."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from ...evaluation.batches import restrict
from ...models.segmentors.masks import unpadded
from ...present import of_samples
from ..frames import FrameReader


@dataclass(frozen=True)
class Frame:
    """One image under one combination.

    Args:
        inputs: (sum C, H, W), raw.
        sample: With its label, and flags of what may be used.
        arrays: (1, C, h, w) float32 by modality that is there, raw and
            padded as the network pads.
        told: The sample as the network's preprocessor leaves it.
        given: What an inferencer takes: (H, W, C) of what is there, as its
            files have it.
    """

    inputs: Tensor
    sample: Any
    arrays: dict[str, np.ndarray]
    told: Any
    given: dict[str, np.ndarray]

    @property
    def size(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What the network sees, (sum C, H, W), and the image's (H, W)."""
        return tuple(self.inputs.shape), tuple(self.told.ori_shape)

    @property
    def is_resized(self) -> bool:
        """Whether scores of the network are resized before the mask."""
        height, width = next(iter(self.arrays.values())).shape[2:]
        seen = unpadded(torch.empty(1, 1, height, width), self.told.metainfo)
        return tuple(seen.shape[2:]) != tuple(self.told.ori_shape)


def frame_of(
    model: nn.Module,
    dataset: Dataset,
    index: int,
    name: str,
    reader: FrameReader,
) -> Frame | None:
    """Return an image of a data set under a combination, if it has that."""
    item = dataset[index]
    stack, sample = model.stack, item['data_samples']
    [present] = stack.present(name)
    if (present & ~of_samples([sample.metainfo], stack)[0]).any():
        return None
    [sample] = restrict([sample], present)
    [told] = restrict([sample], present)
    inputs = item['inputs'].float()
    batch = model.data_preprocessor(
        {'inputs': [inputs], 'data_samples': [told]}, False
    )
    means = torch.tensor([v for m in stack for v in m.mean])[:, None, None]
    padded = means.expand(-1, *batch['inputs'].shape[2:]).clone()
    padded[:, : inputs.shape[1], : inputs.shape[2]] = inputs
    arrays = {
        n: padded[stack.slices[n]][None].numpy().copy()
        for n in name.split('+')
    }
    info = dataset.get_data_info(index)
    files = info.get('modalities') or info.get('modality_paths') or {}
    given = reader({n: files.get(n) for n in name.split('+')})
    return Frame(inputs, sample, arrays, batch['data_samples'][0], given)


def read_frame(path: str | Path) -> Frame:
    """Read a frame that this process' parent wrote."""
    return torch.load(path, weights_only=False)

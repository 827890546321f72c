"""One frame in, one mask out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose

from ..datasets.pipeline import complete_pipeline
from ..modality import Modality
from .checks import require
from .model import AdapterFiles, init_model

LOADERS = ('LoadModalities', 'LoadLabel')


class Inferencer:
    """Segment frames whose sensors may be missing.

    Args: those of :func:`mmseg_missing.apis.init_model`.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        adapter: AdapterFiles = None,
        device: str = 'cpu',
        trust: bool = False,
    ) -> None:
        self.model = init_model(config, checkpoint, adapter, device, trust)
        dataset = require(self.model.cfg, 'test_dataloader.dataset')
        steps = [s for s in dataset.pipeline if s['type'] not in LOADERS]
        self._pipeline = Compose(complete_pipeline(steps, dataset.modalities))

    @torch.no_grad()
    def __call__(self, frame: Mapping[str, np.ndarray | None]) -> np.ndarray:
        """Return the class of every pixel.

        Args:
            frame: One array per modality that is there, (H, W) or (H, W, C),
                in the unit that the data set delivers (RGB 0..255 in RGB
                order, depth in metres). What is left out or None is absent.

        Returns:
            (H, W) uint8, in the size of the frame.

        Raises:
            ValueError: nothing present, an unknown modality, arrays of
                different sizes, with a wrong number of channels or NaN.
        """
        sample = self._pipeline(self._results(frame))
        batch = {k: [v] for k, v in sample.items()}
        (result,) = self.model.test_step(batch)
        return result.pred_sem_seg.data[0].to(torch.uint8).cpu().numpy()

    def _results(self, frame: Mapping[str, np.ndarray | None]) -> dict:
        """Return what ``LoadModalities`` would have put together."""
        stack = self.model.stack
        if not isinstance(frame, Mapping):
            raise TypeError(
                f'a frame is a dict of arrays for {stack.full}, got '
                f'{type(frame).__name__}'
            )
        present = {n: frame.get(n) is not None for n in stack.names}
        stack.parse('+'.join(n for n in frame if present.get(n, True)))
        arrays = {
            m.name: _checked(np.asarray(frame[m.name]), m)
            for m in stack
            if present[m.name]
        }
        sizes = {name: array.shape[:2] for name, array in arrays.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(
                f'modalities of one frame differ in size: {sizes}'
            )
        size = next(iter(sizes.values()))
        return {
            'modalities': {
                m.name: arrays[m.name]
                if present[m.name]
                else np.zeros((*size, m.channels), np.float32)
                for m in stack
            },
            'present': present,
            'img_shape': size,
            'ori_shape': size,
            'sample_idx': 0,
        }


def _checked(array: np.ndarray, modality: Modality) -> np.ndarray:
    """Return ``array`` as (H, W, C)."""
    name, channels = modality.name, modality.channels
    shape = (*array.shape, 1) if array.ndim == 2 else array.shape
    if len(shape) != 3 or shape[2] != channels or not array.size:
        raise ValueError(
            f'modality {name!r} has shape {array.shape}, expected (H, W, '
            f'{channels})'
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f'modality {name!r} holds NaN or infinity; fill these pixels, or '
            'leave it out'
        )
    return array.reshape(shape)

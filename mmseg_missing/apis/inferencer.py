"""One frame in, one mask out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose

from ..datasets.pipeline import complete_pipeline
from .model import init_model

LOADERS = ('LoadModalities', 'LoadLabel')


class Inferencer:
    """Segment frames whose sensors may be missing.

    Args: those of :func:`mmseg_missing.apis.init_model`.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        adapter: str | Path | None = None,
        device: str = 'cpu',
    ) -> None:
        self.model = init_model(config, checkpoint, adapter, device)
        dataset = self.model.cfg.test_dataloader.dataset
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
                different sizes or with a wrong number of channels.
        """
        sample = self._pipeline(self._results(frame))
        batch = {k: [v] for k, v in sample.items()}
        (result,) = self.model.test_step(batch)
        return result.pred_sem_seg.data[0].to(torch.uint8).cpu().numpy()

    def _results(self, frame: Mapping[str, np.ndarray | None]) -> dict:
        """Return what ``LoadModalities`` would have put together."""
        stack = self.model.stack
        arrays = {k: np.asarray(v) for k, v in frame.items() if v is not None}
        stack.parse('+'.join(arrays))
        sizes = {k: a.shape[:2] for k, a in arrays.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(
                f'modalities of one frame differ in size: {sizes}'
            )
        size = next(iter(sizes.values()))
        for modality in stack:
            name, shape = modality.name, (*size, modality.channels)
            array = arrays.get(name, np.zeros(shape, np.float32))
            arrays[name] = array[..., None] if array.ndim == 2 else array
            if arrays[name].shape != shape:
                raise ValueError(
                    f'modality {name!r} has shape {array.shape}, expected '
                    f'{shape}'
                )
        return {
            'modalities': {name: arrays[name] for name in stack.names},
            'present': {n: frame.get(n) is not None for n in stack.names},
            'img_shape': size,
            'ori_shape': size,
            'sample_idx': 0,
        }

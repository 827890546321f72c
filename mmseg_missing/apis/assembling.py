"""From arrays of a frame to what the steps of a test pipeline take."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import print_log

from ..datasets.pipeline import complete_pipeline
from ..modality import Modality, Stack
from ..startup.checks import require
from .arrays import check_keys, far_outside, inputs_of, one_dataset

LOADERS = ('LoadModalities', 'LoadLabel')


class Assembler:
    """Puts together what ``LoadModalities`` would have.

    Args:
        cfg: Config of the network; its test data set says what frames are.
        stack: The modalities of the network.

    Attributes:
        inputs: By modality, what a frame may bring.
        pipeline: The steps of the test behind loading.
    """

    def __init__(self, cfg: Config, stack: Stack) -> None:
        dataset = one_dataset(require(cfg, 'test_dataloader'))
        modalities = dataset.get('modalities') or list(stack.names)
        formats = dataset.get('formats') or {}
        self.stack = stack
        self.inputs = {
            given.modality.name: given
            for given in inputs_of(modalities, formats, stack)
        }
        steps = [
            step
            for step in require(dataset, 'pipeline')
            if not str(step['type']).endswith(LOADERS)
        ]
        self.pipeline = Compose(complete_pipeline(steps, modalities))
        self._warned: set[str] = set()

    def __call__(
        self, frame: Mapping[str, np.ndarray | None], is_finite: bool
    ) -> dict[str, Any]:
        """Return a sample as the steps behind loading take it.

        Args:
            frame: Arrays by modality, (H, W) or (H, W, C).
            is_finite: Whether all values have to be.

        Raises:
            TypeError: no dict, or values that are no numbers.
            ValueError: nothing present, an unknown modality, arrays of
                different sizes, with a wrong number of channels or NaN.
        """
        check_keys(frame, self.inputs)
        arrays = {
            name: given.loaded(frame[name], is_finite)
            for name, given in self.inputs.items()
            if frame.get(name) is not None
        }
        sizes = {name: array.shape[:2] for name, array in arrays.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(
                f'modalities of one frame differ in size: {sizes}'
            )
        for name in sorted(set(arrays) - self._warned):
            self._warn(arrays[name], self.inputs[name].modality)
        size = next(iter(sizes.values()))
        return {
            'modalities': {
                name: arrays[name]
                if name in arrays
                else np.zeros((*size, given.modality.channels), np.float32)
                for name, given in self.inputs.items()
            },
            'present': {name: name in arrays for name in self.inputs},
            'img_shape': size,
            'ori_shape': size,
            'sample_idx': 0,
        }

    def _warn(self, array: np.ndarray, modality: Modality) -> None:
        """Warn of values in another unit, once."""
        if modality.name not in self.stack.names:
            return  # the source of an encoding has no mean of its own
        far = far_outside(array, modality)
        if far:
            self._warned.add(modality.name)
            # Programs catch the one; the other reaches people who silence
            # warnings, as most who import the stack do.
            warnings.warn(far, stacklevel=5)
            print_log(far, logger='current', level=logging.WARNING)

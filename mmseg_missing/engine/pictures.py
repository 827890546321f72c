"""MMSegmentation's hook that draws, for loops over combinations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.engine import SegVisualizationHook
from mmseg.structures import SegDataSample
from torch import Tensor

from mmseg_missing.modality import Stack
from mmseg_missing.visualization.pictures import colorize_modality


def draw_per_combination(hooks: list[Hook], stack: Stack) -> None:
    """Let every ``SegVisualizationHook`` draw one picture per combination.

    Args:
        hooks: Hooks of a runner; they are replaced in place.
        stack: The modalities.
    """
    for index, hook in enumerate(hooks):
        if type(hook) is SegVisualizationHook:
            hooks[index] = _CombinationVisualizationHook(hook, stack)


class _CombinationVisualizationHook(SegVisualizationHook):
    """Draw each combination over the first modality that it has.

    The original names a picture after the image alone, so that combinations
    would replace each other, and reads its file as a photograph, which a
    depth map is not. Here the picture is what the network was given.

    Args:
        hook: The original; its settings are taken over.
        stack: The modalities.
    """

    def __init__(self, hook: SegVisualizationHook, stack: Stack) -> None:
        self.__dict__.update(hook.__dict__)
        self.stack, self._drawn = stack, 0

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Mapping[str, Any],
        outputs: Sequence[SegDataSample],
    ) -> None:
        """Draw the first image of a batch, every ``interval`` batches."""
        step = runner.iter + batch_idx
        if self.draw and step % self.interval == 0:
            for sample in outputs:
                if sample.img_path == outputs[0].img_path:
                    self._draw(
                        f'val_{_name(sample)}', data_batch, sample, step
                    )

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Mapping[str, Any],
        outputs: Sequence[SegDataSample],
    ) -> None:
        """Draw all images."""
        for sample in outputs if self.draw else ():
            self._drawn += 1
            name = f'test_{_name(sample)}'
            self._draw(name, data_batch, sample, self._drawn)

    def _draw(
        self,
        name: str,
        batch: Mapping[str, Any],
        sample: SegDataSample,
        step: int,
    ) -> None:
        self._visualizer.add_datasample(
            name,
            self._picture(batch, sample),
            data_sample=sample,
            show=self.show,
            wait_time=self.wait_time,
            step=step,
        )

    def _picture(
        self, batch: Mapping[str, Any], sample: SegDataSample
    ) -> np.ndarray:
        """Return (H, W, 3) uint8 RGB in the size of the prediction."""
        first = sample.combination.partition('+')[0]
        values = raw_inputs(batch, sample)
        shown = values[self.stack.slices[first]].permute(1, 2, 0)
        picture = colorize_modality(shown.cpu().numpy())
        height, width = sample.pred_sem_seg.shape
        return cv2.resize(picture, (width, height))


def raw_inputs(batch: Mapping[str, Any], sample: SegDataSample) -> Tensor:
    """Return (sum C, H, W), the image that a prediction is of.

    Args:
        batch: As the loader gave it, not normalised.
        sample: One of the batch, or a prediction.
    """
    inputs, samples = batch['inputs'], batch['data_samples']
    if isinstance(samples[0], Sequence):  # test-time augmentation
        inputs, samples = inputs[0], samples[0]
    paths = [other.img_path for other in samples]
    return inputs[paths.index(sample.img_path)]


def _name(sample: SegDataSample) -> str:
    return f'{Path(sample.img_path).stem}_{sample.combination}'

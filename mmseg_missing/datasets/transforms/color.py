"""Colour jitter that leaves every modality but RGB alone."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.datasets.transforms import PhotoMetricDistortion
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RGBPhotoMetricDistortion(BaseTransform):
    """MMSegmentation's ``PhotoMetricDistortion`` on one modality.

    It works on 8-bit values, so it belongs before padding and rotation, which
    fill with the exact mean.

    Args:
        modality: name of the modality with RGB channels in 0..255.
        brightness_delta: largest shift of all channels.
        contrast_range: smallest and largest factor of all channels.
        saturation_range: the same in HSV.
        hue_delta: largest shift of the hue, in half degrees.
    """

    def __init__(
        self,
        modality: str = 'rgb',
        brightness_delta: int = 32,
        contrast_range: Sequence[float] = (0.5, 1.5),
        saturation_range: Sequence[float] = (0.5, 1.5),
        hue_delta: int = 18,
    ) -> None:
        self.modality = modality
        self.distortion = PhotoMetricDistortion(
            brightness_delta, contrast_range, saturation_range, hue_delta
        )

    def transform(self, results: dict) -> dict:
        """Replace the RGB values."""
        rgb = results['modalities'][self.modality]
        rgb = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
        # The distortion takes BGR; a negative stride does not suit OpenCV.
        bgr = np.ascontiguousarray(rgb[..., ::-1])
        bgr = self.distortion.transform({'img': bgr})['img']
        changed = {self.modality: np.ascontiguousarray(bgr[..., ::-1])}
        results['modalities'] = {**results['modalities'], **changed}
        return results

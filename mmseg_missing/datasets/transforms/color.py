"""Colour jitter that leaves every modality but RGB alone."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.datasets.transforms import PhotoMetricDistortion
from mmseg.registry import TRANSFORMS

from mmseg_missing.values import real, whole

from .joint import arrays_of, rising


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

    >>> results = {'modalities': {'rgb': np.full((4, 6, 3), 99, np.uint8)}}
    >>> RGBPhotoMetricDistortion()(results)['modalities']['rgb'].shape
    (4, 6, 3)
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
        name = 'RGBPhotoMetricDistortion'
        real(f'{name}.brightness_delta', brightness_delta, least=0)
        whole(f'{name}.hue_delta', hue_delta, least=0)
        rising(f'{name}.contrast_range', contrast_range, least=0)
        rising(f'{name}.saturation_range', saturation_range, least=0)
        self.distortion = _Distortion(
            brightness_delta, contrast_range, saturation_range, hue_delta
        )

    def transform(self, results: dict) -> dict:
        """Replace the RGB values."""
        name = type(self).__name__
        arrays = arrays_of(results, [self.modality], name, 'set `modality`')
        rgb = arrays[self.modality]
        if rgb.dtype != np.uint8:
            rgb = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
        # The distortion takes BGR.
        bgr = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGR)
        bgr = self.distortion.transform({'img': bgr})['img']
        changed = {self.modality: cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)}
        results['modalities'] = {**arrays, **changed}
        return results


class _Distortion(PhotoMetricDistortion):
    """The same draws and numbers, looked up in tables of 256 entries."""

    def convert(
        self, img: np.ndarray, alpha: float = 1, beta: float = 0
    ) -> np.ndarray:
        """Return ``alpha * img + beta``, cut to 0..255."""
        table = super().convert(np.arange(256, dtype=np.uint8), alpha, beta)
        return cv2.LUT(img, table)

    def hue(self, img: np.ndarray) -> np.ndarray:
        """Return ``img`` with its hue turned, or as it is."""
        if not np.random.randint(2) or not self.hue_delta:
            return img
        hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV)
        turn = np.random.randint(-self.hue_delta, self.hue_delta)
        table = (np.arange(256) + turn) % 180
        hsv[..., 0] = cv2.LUT(hsv[..., 0], table.astype(np.uint8))
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)

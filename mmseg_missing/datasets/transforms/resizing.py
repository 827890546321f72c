"""Resize all modalities and the label, by a fixed or a drawn size."""

from collections.abc import Sequence

import cv2
import mmcv
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS

from mmseg_missing.values import flag, real

from .joint import NO_PADDING, JointTransform, rising, two_sides

# The "exact" nearest takes the pixel at the centre, as bilinear does; plain
# INTER_NEAREST would shift labels by half a pixel against the image.
INTERPOLATIONS = {
    'bilinear': cv2.INTER_LINEAR,
    'nearest': cv2.INTER_NEAREST_EXACT,
}

# OpenCV 5 takes 128 at once, OpenCV 4 takes 512.
MOST_CHANNELS = 128


@TRANSFORMS.register_module()
class ResizeModalities(JointTransform):
    """Resize to a size or by a factor.

    Args:
        modalities: the stack.
        scale: (width, height) of the result.
        scale_factor: one factor for both sides, instead of ``scale``.
        keep_ratio: fit into ``scale`` (either way round) without distortion.

    >>> results = {
    ...     'modalities': {'depth': np.ones((4, 6, 1), np.float32)},
    ...     'img_shape': (4, 6),
    ... }
    >>> stack = [dict(name='depth', channels=1)]
    >>> resize = ResizeModalities(stack, scale=(3, 2))
    >>> resize(results)['modalities']['depth'].shape
    (2, 3, 1)
    """

    def __init__(
        self,
        modalities: Sequence[dict],
        scale: tuple[int, int] | None = None,
        scale_factor: float | None = None,
        keep_ratio: bool = False,
    ) -> None:
        super().__init__(modalities)
        if (scale is None) == (scale_factor is None):
            raise ValueError(
                'ResizeModalities needs one of `scale` and `scale_factor`, '
                f'got scale={scale} and scale_factor={scale_factor}'
            )
        name = type(self).__name__
        self.scale = self.scale_factor = None
        if scale is not None:
            self.scale = two_sides(f'{name}.scale', scale)
        if scale_factor is not None:
            self.scale_factor = real(
                f'{name}.scale_factor', scale_factor, above=0
            )
        self.keep_ratio = flag(f'{name}.keep_ratio', keep_ratio)

    def transform(self, results: dict) -> dict:
        """Resize; ``scale_factor`` is (width, height)."""
        height, width = results['img_shape']
        if self.scale_factor is not None:
            size = mmcv.rescale_size((width, height), self.scale_factor)
            return self.resize(results, size)
        return self.resize(results, self.target(results, self.scale))

    def target(self, results: dict, scale: tuple[int, int]) -> tuple[int, int]:
        """Return the (width, height) that ``scale`` asks for."""
        height, width = results['img_shape']
        if self.keep_ratio:
            return mmcv.rescale_size((width, height), scale)
        return scale

    def resize(self, results: dict, size: tuple[int, int]) -> dict:
        """Resize to (width, height).

        Raises:
            ValueError: the sample is padded already.
        """
        if any(results.get('padding_size', NO_PADDING)):
            raise ValueError(
                f'{type(self).__name__} came after padding, which could not '
                'be cut off a prediction then; pad after resizing'
            )
        height, width = results['img_shape']
        earlier = results.get('scale_factor', (1.0, 1.0))
        results['scale_factor'] = (
            earlier[0] * size[0] / width,
            earlier[1] * size[1] / height,
        )
        results['keep_ratio'] = self.keep_ratio
        return self.change(
            results,
            lambda x, m: _resize(x, size, m.interpolation),
            lambda x: _resize(x, size, 'nearest'),
        )


@TRANSFORMS.register_module()
class RandomResizeModalities(ResizeModalities):
    """Resize to ``scale`` times a factor drawn from ``ratio_range``.

    Args:
        modalities: the stack.
        scale: (width, height) at factor 1.
        ratio_range: smallest and largest factor.
        keep_ratio: as in :class:`ResizeModalities`.

    >>> results = {
    ...     'modalities': {'depth': np.ones((4, 6, 1), np.float32)},
    ...     'present': {'depth': True},
    ...     'img_shape': (4, 6),
    ... }
    >>> modalities = [dict(name='depth', channels=1)]
    >>> resize = RandomResizeModalities(modalities, (6, 4), (2.0, 2.0))
    >>> resize(results)['modalities']['depth'].shape
    (8, 12, 1)
    """

    def __init__(
        self,
        modalities: Sequence[dict],
        scale: tuple[int, int],
        ratio_range: tuple[float, float],
        keep_ratio: bool = True,
    ) -> None:
        super().__init__(modalities, scale=scale, keep_ratio=keep_ratio)
        self.ratio_range = rising(
            'RandomResizeModalities.ratio_range', ratio_range
        )
        real('RandomResizeModalities.ratio_range', ratio_range[0], above=0)

    @cache_randomness
    def _draw(self) -> float:
        return np.random.uniform(*self.ratio_range)

    def transform(self, results: dict) -> dict:
        """Draw a factor and resize."""
        factor = self._draw()
        scale = tuple(max(round(side * factor), 1) for side in self.scale)
        return self.resize(results, self.target(results, scale))


def _resize(
    array: np.ndarray, size: tuple[int, int], interpolation: str
) -> np.ndarray:
    """Resize (H, W) or (H, W, C) to (width, height), keeping all axes."""
    if array.shape[1::-1] == size:
        return array
    flag = INTERPOLATIONS[interpolation]
    height, width, *channels = array.shape
    array = array.reshape(height, width, -1)
    parts = [
        cv2.resize(
            array[..., first : first + MOST_CHANNELS], size, interpolation=flag
        ).reshape(size[1], size[0], -1)
        for first in range(0, array.shape[2], MOST_CHANNELS)
    ]
    resized = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)
    return resized.reshape(size[1], size[0], *channels)

"""Cut out a window or pad to a size, the same for all modalities."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS

from mmseg_missing.modality import Modality
from mmseg_missing.values import VOID, real, whole

from .joint import NO_PADDING, JointTransform, two_sides

CROP_TRIES = 10


@TRANSFORMS.register_module()
class RandomCropModalities(JointTransform):
    """Cut out a random window; a smaller image is left as it is.

    Args:
        modalities: the stack.
        crop_size: (height, width).
        cat_max_ratio: draw again (up to 10 times) while one class covers
            more than this share of the labelled pixels.

    >>> results = {
    ...     'modalities': {'depth': np.ones((4, 6, 1), np.float32)},
    ...     'img_shape': (4, 6),
    ... }
    >>> crop = RandomCropModalities([dict(name='depth', channels=1)], (2, 3))
    >>> crop(results)['modalities']['depth'].shape
    (2, 3, 1)
    """

    def __init__(
        self,
        modalities: Sequence[dict],
        crop_size: tuple[int, int],
        cat_max_ratio: float = 1.0,
    ) -> None:
        super().__init__(modalities)
        self.crop_size = two_sides('RandomCropModalities.crop_size', crop_size)
        self.cat_max_ratio = real(
            'RandomCropModalities.cat_max_ratio', cat_max_ratio, above=0
        )

    def _window(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        starts = [
            np.random.randint(max(full - part, 0) + 1)
            for full, part in zip(shape, self.crop_size, strict=True)
        ]
        return tuple(
            slice(start, start + part)
            for start, part in zip(starts, self.crop_size, strict=True)
        )

    @cache_randomness
    def _draw(self, results: dict) -> tuple[slice, slice]:
        window = self._window(results['img_shape'])
        if self.cat_max_ratio >= 1 or 'gt_seg_map' not in results:
            return window
        for _ in range(CROP_TRIES):
            if self._is_mixed(results['gt_seg_map'][window]):
                break
            window = self._window(results['img_shape'])
        return window

    def _is_mixed(self, label: np.ndarray) -> bool:
        counts = np.bincount(label[label != VOID], minlength=2)
        largest = counts.max()
        return 0 < largest < counts.sum() * self.cat_max_ratio

    def transform(self, results: dict) -> dict:
        """Cut the same window out of everything."""
        window = self._draw(results)
        if 'padding_size' in results:
            results['padding_size'] = _cut_padding(results, window)
        return self.change(
            results, lambda x, m: x[window], lambda x: x[window]
        )


@TRANSFORMS.register_module()
class PadModalities(JointTransform):
    """Pad at the right and the bottom, up to a size or a multiple.

    A modality is padded with its mean, which is 0 after normalisation, and
    becomes float32 for it; the label with 255.

    Args:
        modalities: the stack.
        size: (height, width) to reach; a larger image is left as it is.
        size_divisor: pad both sides to a multiple of it, instead of ``size``.

    >>> results = {
    ...     'modalities': {'depth': np.ones((4, 6, 1), np.float32)},
    ...     'img_shape': (4, 6),
    ... }
    >>> pad = PadModalities([dict(name='depth', channels=1)], size=(5, 8))
    >>> pad(results)['modalities']['depth'].shape
    (5, 8, 1)
    """

    def __init__(
        self,
        modalities: Sequence[dict],
        size: tuple[int, int] | None = None,
        size_divisor: int | None = None,
    ) -> None:
        super().__init__(modalities)
        if (size is None) == (size_divisor is None):
            raise ValueError(
                'PadModalities needs one of `size` and `size_divisor`, got '
                f'size={size} and size_divisor={size_divisor}'
            )
        self.size, self.size_divisor = size, size_divisor
        if size is not None:
            self.size = two_sides('PadModalities.size', size)
        else:
            whole('PadModalities.size_divisor', size_divisor, least=1)

    def _missing(self, shape: tuple[int, int]) -> list[int]:
        if self.size is not None:
            pairs = zip(self.size, shape, strict=True)
            return [max(wanted - got, 0) for wanted, got in pairs]
        return [-got % self.size_divisor for got in shape]

    def transform(self, results: dict) -> dict:
        """Pad; ``padding_size`` is (left, right, top, bottom)."""
        bottom, right = self._missing(results['img_shape'])
        widths = ((0, bottom), (0, right))
        results = self.change(
            results,
            lambda x, m: _pad(x, m, widths),
            lambda x: np.pad(x, widths, constant_values=VOID),
        )
        results['pad_shape'] = results['img_shape']
        earlier = results.get('padding_size', NO_PADDING)
        results['padding_size'] = [
            before + added
            for before, added in zip(
                earlier, (0, right, 0, bottom), strict=True
            )
        ]
        return results


def _cut_padding(results: dict, window: tuple[slice, slice]) -> list[int]:
    """Return what of (left, right, top, bottom) lies in a window."""
    left, right, top, bottom = results['padding_size']
    height, width = results['img_shape']
    rows, columns = (
        part.indices(full)
        for part, full in zip(window, (height, width), strict=True)
    )
    return [
        max(left - columns[0], 0),
        max(columns[1] - (width - right), 0),
        max(top - rows[0], 0),
        max(rows[1] - (height - bottom), 0),
    ]


def _pad(
    array: np.ndarray, modality: Modality, widths: tuple[tuple[int, int], ...]
) -> np.ndarray:
    height, width = array.shape[:2]
    shape = (height + widths[0][1], width + widths[1][1])
    if shape == array.shape[:2]:
        return array
    padded = np.empty((*shape, modality.channels), np.float32)
    padded[:] = modality.mean
    padded[:height, :width] = array
    return padded

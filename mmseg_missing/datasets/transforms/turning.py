"""Mirror and turn all modalities and the label, values included."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS

from mmseg_missing.modality import Modality
from mmseg_missing.values import VOID, choice, probability, real

from .joint import JointTransform, rising
from .value_rules import flip_values, rotate_values

AXES = {'horizontal': 1, 'vertical': 0}
# What a sample's flips come to, by name.
FLIPS = {
    None: set(),
    'horizontal': {'horizontal'},
    'vertical': {'vertical'},
    'diagonal': {'horizontal', 'vertical'},
}


@TRANSFORMS.register_module()
class RandomFlipModalities(JointTransform):
    """Mirror with a probability.

    Args:
        modalities: the stack.
        prob: 0 and 1 are certain, as test-time augmentation wants it.
        direction: ``'horizontal'`` or ``'vertical'``.

    >>> results = {
    ...     'modalities': {'depth': np.float32([[[1.0], [2.0]]])},
    ...     'img_shape': (1, 2),
    ... }
    >>> flip = RandomFlipModalities([dict(name='depth', channels=1)], prob=1.0)
    >>> flip(results)['modalities']['depth'].ravel().tolist()
    [2.0, 1.0]
    """

    def __init__(
        self,
        modalities: Sequence[dict],
        prob: float,
        direction: str = 'horizontal',
    ) -> None:
        super().__init__(modalities)
        self.prob = probability('RandomFlipModalities.prob', prob)
        self.direction = choice(
            'RandomFlipModalities.direction', direction, AXES
        )

    @cache_randomness
    def _draw(self) -> bool:
        return bool(np.random.rand() < self.prob)

    def transform(self, results: dict) -> dict:
        """Mirror or not; ``flip`` and ``flip_direction`` tell.

        They tell of all flips of the sample: the same twice is none, two
        directions are ``'diagonal'``. ``padding_size`` moves with its side.
        ``label_flipped`` tells that the label was mirrored as well.
        """
        is_drawn = self._draw()
        if is_drawn:
            _add_flip(results, self.direction)
            results['label_flipped'] = 'gt_seg_map' in results
        results.setdefault('flip', False)
        results.setdefault('flip_direction', None)
        if not is_drawn:
            return results
        axis = AXES[self.direction]
        return self.change(
            results,
            lambda x, m: flip_values(np.flip(x, axis), m, self.direction),
            lambda x: np.flip(x, axis),
        )


def _add_flip(results: dict, direction: str) -> None:
    """Write down one more flip, and where it takes the padding."""
    flips = FLIPS[results.get('flip_direction')] ^ {direction}
    results['flip'] = bool(flips)
    results['flip_direction'] = next(k for k, v in FLIPS.items() if v == flips)
    if 'padding_size' in results:
        left, right, top, bottom = results['padding_size']
        results['padding_size'] = (
            [right, left, top, bottom]
            if direction == 'horizontal'
            else [left, right, bottom, top]
        )


@TRANSFORMS.register_module()
class RotateModalities(JointTransform):
    """Turn about the centre by a random angle, at the same size.

    Corners that come from outside get the modality's mean (0 after
    normalisation; values become float32) and 255 in the label.

    Args:
        modalities: the stack.
        prob: probability to turn at all.
        degree: range of the angle, counter-clockwise; one number means
            ``(-degree, degree)``.

    >>> results = {
    ...     'modalities': {'depth': np.ones((4, 6, 1), np.float32)},
    ...     'img_shape': (4, 6),
    ... }
    >>> stack = [dict(name='depth', channels=1)]
    >>> turn = RotateModalities(stack, prob=1.0, degree=10)
    >>> turn(results)['modalities']['depth'].shape
    (4, 6, 1)
    """

    def __init__(
        self,
        modalities: Sequence[dict],
        prob: float,
        degree: float | tuple[float, float],
    ) -> None:
        super().__init__(modalities)
        self.prob = probability('RotateModalities.prob', prob)
        key = 'RotateModalities.degree'
        if isinstance(degree, (int, float)):
            degree = real(key, degree, least=0)
            degree = (-degree, degree)
        self.degree = rising(key, degree)

    @cache_randomness
    def _draw(self) -> float | None:
        if np.random.rand() >= self.prob:
            return None
        return np.random.uniform(*self.degree)

    def transform(self, results: dict) -> dict:
        """Turn everything by one drawn angle."""
        degree = self._draw()
        if degree is None:
            return results
        results.pop('padding_size', None)  # no longer an upright frame
        return self.change(
            results,
            lambda x, m: _rotate_modality(x, m, degree),
            lambda x: _rotate(x, degree, cv2.INTER_NEAREST, VOID),
        )


def _rotate_modality(
    array: np.ndarray, modality: Modality, degree: float
) -> np.ndarray:
    is_linear = modality.interpolation == 'bilinear'
    flag = cv2.INTER_LINEAR if is_linear else cv2.INTER_NEAREST
    # Values first: what comes in from outside is the mean, not a turned mean.
    values = rotate_values(array, modality, degree).astype(np.float32)
    turned = [  # one by one, because OpenCV fills at most four channels
        _rotate(values[..., c], degree, flag, mean)
        for c, mean in enumerate(modality.mean)
    ]
    return np.stack(turned, -1)


def _rotate(
    array: np.ndarray, degree: float, flag: int, fill: float
) -> np.ndarray:
    """Turn (H, W) counter-clockwise about its centre."""
    height, width = array.shape
    centre = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, degree, 1.0)
    return cv2.warpAffine(
        array,
        matrix,
        (width, height),
        flags=flag,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=fill,
    )

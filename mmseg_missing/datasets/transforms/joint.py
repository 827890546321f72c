"""What every geometry transform shares: one draw, all modalities, label."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from mmseg_missing.modality import Modality, Stack
from mmseg_missing.values import listed, real, whole

NO_PADDING = (0, 0, 0, 0)  # left, right, top, bottom


class JointTransform(BaseTransform):
    """A geometry change of all modalities and the label.

    The random draw is made once, by the subclass; ``change`` then applies
    two plain functions, so that nothing can be drawn twice.

    Args:
        modalities: the stack; gives interpolation, mean and geometry rule.
    """

    def __init__(self, modalities: Sequence[dict]) -> None:
        self.stack = Stack(modalities)

    def __call__(self, results: dict) -> dict:
        """Transform a sample that has all modalities of the stack."""
        arrays_of(results, self.stack.names, type(self).__name__)
        return super().__call__(results)

    def change(
        self,
        results: dict,
        image: Callable[[np.ndarray, Modality], np.ndarray],
        label: Callable[[np.ndarray], np.ndarray],
    ) -> dict:
        """Replace every array of the sample and its ``img_shape``.

        Args:
            results: the sample; its dicts are not shared with the old one.
            image: maps (H, W, C) and its modality to (H', W', C).
            label: maps (H, W) to (H', W').
        """
        arrays = results['modalities']
        results['modalities'] = {
            m.name: image(arrays[m.name], m) for m in self.stack
        }
        if 'gt_seg_map' in results:
            results['gt_seg_map'] = label(results['gt_seg_map'])
        first = results['modalities'][self.stack.names[0]]
        results['img_shape'] = first.shape[:2]
        return results


def arrays_of(
    results: dict,
    names: Collection[str],
    step: str,
    remedy: str = 'give both the same `modalities`',
) -> dict[str, np.ndarray]:
    """Return the arrays of a sample.

    Args:
        results: the sample.
        names: of modalities that must be among them.
        step: who needs them.
        remedy: what else helps than loading before.

    Raises:
        KeyError: one is not there, or nothing is loaded yet.
    """
    arrays = results.get('modalities', {})
    gone = [name for name in names if name not in arrays]
    if gone:
        raise KeyError(
            f'{step} needs the modalities {gone}, but the sample has '
            f'{list(arrays)}; put LoadModalities before it, and {remedy}'
        )
    return arrays


def two_sides(key: str, value: Any) -> tuple[int, int]:
    """Return two whole numbers of at least 1.

    Raises:
        TypeError, ValueError: something else.
    """
    sides = [whole(key, side, least=1) for side in listed(key, value)]
    if len(sides) != 2:
        raise ValueError(f'`{key}` takes two sides, got {value!r}')
    return sides[0], sides[1]


def rising(
    key: str, value: Any, least: float | None = None
) -> tuple[float, float]:
    """Return the smallest and the largest of a range.

    Raises:
        TypeError, ValueError: not two numbers, or falling ones.
    """
    ends = [real(key, end, least=least) for end in listed(key, value)]
    if len(ends) != 2 or ends[0] > ends[1]:
        raise ValueError(f'`{key}` takes (smallest, largest), got {value!r}')
    return ends[0], ends[1]

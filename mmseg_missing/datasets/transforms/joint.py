"""What every geometry transform shares: one draw, all modalities, label."""

from collections.abc import Callable, Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from mmseg_missing.modality import Modality, Stack

LABEL_FILL = 255  # ignored by losses and metrics


class JointTransform(BaseTransform):
    """A geometry change of all modalities and the label.

    The random draw is made once, by the subclass; ``change`` then applies
    two plain functions, so that nothing can be drawn twice.

    Args:
        modalities: the stack; gives interpolation, mean and geometry rule.
    """

    def __init__(self, modalities: Sequence[dict]) -> None:
        self.stack = Stack(modalities)

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

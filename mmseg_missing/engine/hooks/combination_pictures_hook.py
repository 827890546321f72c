"""What the network sees and gives under each combination, as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample

from ...values import whole
from ...visualization.panels import combination_sheet
from ..network import network_of
from ..pictures import raw_inputs


@HOOKS.register_module()
class CombinationPicturesHook(Hook):
    """Draw the same samples at every validation, a sheet for each.

    A sheet has the inputs and the label, and below them the prediction under
    each combination that is scored. It goes to the backends of the
    visualizer as ``sample_<number>_<name>``, at the number of training steps
    that were done. Of several processes the first one draws of what it sees.

    Args:
        num: How many samples, evenly spaced over the validation's.

    Raises:
        ValueError: less than one, or a data set without a ``palette``.
    """

    def __init__(self, num: int = 4) -> None:
        self.num = whole('CombinationPicturesHook.num', num, 1)

    def before_val(self, runner: Runner) -> None:
        """Choose the samples, by their place in the order of the loader."""
        count = len(runner.val_dataloader.sampler)
        spaced = np.linspace(0, count - 1, min(self.num, count))
        self._chosen, self._seen = {round(place) for place in spaced}, 0

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Mapping[str, Any],
        outputs: Sequence[SegDataSample],
    ) -> None:
        """Draw those of the batch that were chosen."""
        for sample in data_batch['data_samples']:
            if self._seen in self._chosen and is_main_process():
                sheet = _sheet(runner, data_batch, sample, outputs)
                name = f'sample_{self._seen}_{Path(sample.img_path).stem}'
                runner.visualizer.add_image(name, sheet, step=runner.iter)
            self._seen += 1


def _sheet(
    runner: Runner,
    batch: Mapping[str, Any],
    sample: SegDataSample,
    outputs: Sequence[SegDataSample],
) -> np.ndarray:
    """Return the sheet of one sample of a batch."""
    stack = network_of(runner.model).stack
    values = raw_inputs(batch, sample)
    frame = {
        name: values[where].permute(1, 2, 0).cpu().numpy()
        for (name, where), has in zip(stack.slices.items(), sample.present)
        if has
    }
    masks = {
        out.get('combination', stack.full): _mask(out.pred_sem_seg)
        for out in outputs
        if out.img_path == sample.img_path
    }
    label = sample.get('gt_sem_seg')
    palette = (runner.visualizer.dataset_meta or {}).get('palette')
    if palette is None:
        raise ValueError(
            'CombinationPicturesHook needs the colours of the classes; give '
            '`metainfo=dict(classes=..., palette=...)` to the data set of '
            '`val_dataloader`'
        )
    label = None if label is None else _mask(label)
    return combination_sheet(frame, stack.names, label, masks, palette)


def _mask(data: Any) -> np.ndarray:
    return data.data.squeeze(0).cpu().numpy().astype(np.uint8)

"""Turn one sample into the tensor and the data sample of MMSegmentation."""

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmseg.registry import TRANSFORMS
from mmseg.structures import SegDataSample

from mmseg_missing.modality import Stack
from mmseg_missing.present import as_present

from .file_format import file_list
from .joint import arrays_of

META_KEYS = (
    'img_shape',
    'ori_shape',
    'pad_shape',
    'padding_size',
    'scale_factor',
    'flip',
    'flip_direction',
    'label_flipped',
    'seg_map_path',
    'labelled',
    'sample_idx',
    'reduce_zero_label',
)


@TRANSFORMS.register_module()
class PackModalities(BaseTransform):
    """Stack the modalities along channels; write which, and what is present.

    Args:
        modalities: the stack; its order is the order of the channels.

    >>> results = {
    ...     'modalities': {'depth': np.zeros((4, 6, 1), np.float32)},
    ...     'present': {'depth': True},
    ...     'img_shape': (4, 6),
    ... }
    >>> packed = PackModalities([dict(name='depth', channels=1)])(results)
    >>> packed['inputs'].shape, packed['data_samples'].present
    (torch.Size([1, 4, 6]), tensor([True]))
    """

    def __init__(self, modalities: Sequence[dict]) -> None:
        self.stack = Stack(modalities)

    def transform(self, results: dict) -> dict:
        """Return ``inputs`` (sum C, H, W) float32 and ``data_samples``."""
        inputs = self._stacked(results)
        sample = SegDataSample(metainfo=self._metainfo(results))
        if 'gt_seg_map' in results:
            label = results['gt_seg_map'].astype(np.int64)
            sample.gt_sem_seg = PixelData(data=torch.from_numpy(label)[None])
        return {'inputs': inputs, 'data_samples': sample}

    def _stacked(self, results: dict) -> torch.Tensor:
        arrays = arrays_of(results, self.stack.names, 'PackModalities')
        shape = (self.stack.num_channels, *results['img_shape'])
        inputs = np.empty(shape, np.float32)
        for modality in self.stack:
            array = arrays[modality.name]
            expected = (*results['img_shape'], modality.channels)
            if array.shape != expected:
                raise ValueError(
                    f"modality '{modality.name}' reached PackModalities as "
                    f'{array.shape} (height, width, channels), expected '
                    f'{expected}; check the steps before, and `channels` in '
                    '`modalities`'
                )
            channels = self.stack.slices[modality.name]
            inputs[channels] = array.transpose(2, 0, 1)
        return torch.from_numpy(inputs)

    def _metainfo(self, results: dict) -> dict:
        metainfo = {key: results[key] for key in META_KEYS if key in results}
        metainfo['stack'] = self.stack.full
        [metainfo['present']] = as_present([results['present']], self.stack)
        paths = results.get('modality_paths', {})
        known = (
            file
            for name in self.stack.names
            for file in file_list(paths.get(name))
        )
        # Test-time augmentation and saved predictions need a name; data that
        # is made, not read, is named by its index.
        metainfo['img_path'] = next(
            known, f'sample_{results.get("sample_idx", 0):06d}'
        )
        return metainfo

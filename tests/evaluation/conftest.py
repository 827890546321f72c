"""A data set that a fault turns around."""

import torch
from mmengine.structures import PixelData
from mmseg.registry import DATASETS
from mmseg.structures import SegDataSample
from torch.utils.data import Dataset


@DATASETS.register_module()
class Halves(Dataset):
    """Left is class 0, right 1, as both sensors show; a fault swaps depth.

    Samples know the number of their image.
    """

    def __init__(self, pipeline, length=6, lacking=()):
        self.is_spoilt, self.length = len(pipeline) > 1, length
        self.lacking = lacking

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        label = torch.zeros(1, 4, 6, dtype=torch.long)
        label[..., 3:] = 1
        inputs = label.float().repeat(4, 1, 1)
        if self.is_spoilt:
            inputs[3] = 1 - inputs[3]
        sample = SegDataSample(
            gt_sem_seg=PixelData(data=label),
            metainfo={
                'number': index,
                'present': (True, index not in self.lacking),
            },
        )
        return {'inputs': inputs, 'data_samples': sample}

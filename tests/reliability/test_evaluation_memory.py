"""The evaluation of 15 combinations takes no more memory with more images."""

import sys

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.utils.data import Dataset

import mmseg_missing  # noqa: F401 (registers)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != 'linux', reason='it reads /proc'),
]

IMAGES, WARM_UP = 600, 150
SIZE = (64, 96)


class Frames(Dataset):
    metainfo = {'classes': tuple('abc')}

    def __len__(self):
        return IMAGES

    def __getitem__(self, index):
        inputs = torch.randn(4, *SIZE)
        meta = {'sample_idx': index, 'img_shape': SIZE, 'ori_shape': SIZE}
        sample = SegDataSample(metainfo=meta)
        label = torch.randint(3, (1, *SIZE))
        sample.gt_sem_seg = PixelData(data=label)
        return {'inputs': inputs, 'data_samples': sample}


class MemoryHook(Hook):
    """Read what the process holds, in MiB, after every image."""

    def __init__(self):
        self.held = []

    def after_test_iter(self, *args, **kwargs):
        with open('/proc/self/statm') as file:
            self.held.append(int(file.read().split()[1]) * 4096 / 2**20)


def test_memory_of_15_combinations(tmp_path):
    hook = MemoryHook()
    runner = Runner(
        model={
            'type': 'MissingModalitySegmentor',
            'stack': [{'name': name, 'channels': 1} for name in 'wxyz'],
            'adapter': {'type': 'ScaleShift'},
            'backbone': {
                'type': 'ResNet',
                'depth': 18,
                'base_channels': 4,
                'stem_channels': 4,
                'in_channels': 4,
                'num_stages': 1,
                'strides': (1,),
                'dilations': (1,),
                'out_indices': (0,),
            },
            'decode_head': {
                'type': 'FCNHead',
                'in_channels': 4,
                'in_index': 0,
                'channels': 4,
                'num_convs': 1,
                'concat_input': False,
                'num_classes': 3,
                'align_corners': False,
            },
        },
        work_dir=str(tmp_path),
        default_scope='mmseg',
        experiment_name=str(tmp_path),
        default_hooks={'logger': None},
        custom_hooks=[hook],
        test_dataloader={
            'dataset': Frames(),
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            'batch_size': 1,
            'num_workers': 0,
        },
        test_cfg={'type': 'CombinationTestLoop'},
        test_evaluator={'type': 'CombinationIoUMetric'},
        log_level='ERROR',
    )
    results = runner.test()
    assert sum(key.startswith('mIoU/') for key in results) == 15
    first, last = hook.held[WARM_UP], hook.held[-1]
    print(
        f'\n15 combinations: {first:.1f} MiB after {WARM_UP} images, '
        f'{last:.1f} after {IMAGES}'
    )
    assert last - first < 3

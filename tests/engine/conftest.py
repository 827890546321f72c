"""A real Runner on a tiny random data set in memory."""

import copy
import itertools
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner, loops
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.utils.data import Dataset

import mmseg_missing  # noqa: F401 (registers)

NUMBERS = itertools.count()
MODEL = {
    'type': 'MissingModalitySegmentor',
    'stack': [{'name': 'rgb'}, {'name': 'depth', 'channels': 1}],
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
        'dropout_ratio': 0.5,
        'norm_cfg': {'type': 'BN'},
    },
    'test_cfg': {'mode': 'whole'},
}


class Frames(Dataset):
    """Six frames, jittered by all three random generators."""

    metainfo = {'classes': ('wall', 'floor', 'rest')}

    def __len__(self):
        return 6

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        inputs = torch.rand(4, 16, 16, generator=generator)
        label = inputs[:1].mul(3).long()
        inputs = inputs * random.uniform(0.5, 2) + float(np.random.rand())
        inputs = inputs + 0.1 * torch.randn(4, 16, 16)
        sample = SegDataSample(
            metainfo={
                'present': (True, True),
                'sample_idx': index,
                'img_shape': (16, 16),
                'ori_shape': (16, 16),
            },
            gt_sem_seg=PixelData(data=label),
        )
        return {'inputs': inputs, 'data_samples': sample}


class Count(BaseMetric):
    """Count the validations; what it returns is no Python float."""

    count = 0

    def process(self, data_batch, data_samples):
        self.results.append(len(data_samples))

    def compute_metrics(self, results):
        assert sum(results) == 6
        self.count += 1
        return {'count': np.float32(self.count)}


@HOOKS.register_module()
class StopHook(Hook):
    """The user's Ctrl-C after some iterations."""

    priority = 'LOWEST'

    def __init__(self, after):
        self.after = after

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter + 1 == self.after:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """mmengine waits two seconds when an endless loader begins anew."""
    no_time = SimpleNamespace(sleep=lambda seconds: None)
    monkeypatch.setattr(loops, 'time', no_time)


@pytest.fixture
def make_runner(tmp_path):
    """Return a function that makes a Runner like a new process would."""

    def make(
        adapter=None,
        hooks=(),
        loop='iter',
        iters=6,
        interval=3,
        folder='run',
        order='DefaultSampler',
        validate=True,
        resume=False,
        wrap=False,
        saving=None,
        optim=None,
        keys=None,
        batch_size=2,
        schedule=True,
        **settings,
    ):
        model = ConfigDict(
            copy.deepcopy({**MODEL, 'adapter': adapter, **settings})
        )
        if wrap:
            model.backbone = {
                'type': 'AdaptedBackbone',
                'backbone': model.backbone,
                'adapter': {'type': 'ScaleShift'},
                'stack': model.stack,
            }

        def loader(name, **settings):
            return {
                'dataset': Frames(),
                'sampler': {'type': name, **settings},
                'batch_size': batch_size,
                'num_workers': 0,
            }

        by_epoch = loop == 'epoch'
        train_cfg = (
            {'by_epoch': True, 'max_epochs': iters // 3, 'val_interval': 1}
            if by_epoch
            else {'by_epoch': False, 'max_iters': iters, 'val_interval': 2}
        )
        validation = {
            'val_dataloader': loader('DefaultSampler', shuffle=False),
            'val_cfg': {},
            'val_evaluator': Evaluator([Count()]),
        }
        return Runner(
            model=model,
            work_dir=str(tmp_path / folder),
            experiment_name=f'{tmp_path.name}-{next(NUMBERS)}',
            default_scope='mmseg',
            train_dataloader=loader(order, shuffle=True),
            train_cfg=train_cfg,
            optim_wrapper={
                'optimizer': {
                    'type': 'AdamW',
                    'lr': 0.01,
                    'weight_decay': 0.1,
                },
                **(optim or {}),
            },
            param_scheduler={
                'type': 'PolyLR',
                'power': 0.9,
                'eta_min': 0.0,
                'end': 12,
                'by_epoch': False,
            }
            if schedule
            else None,
            default_hooks={
                'logger': None,
                'checkpoint': {
                    'type': 'AtomicCheckpointHook',
                    'interval': interval // 3 if by_epoch else interval,
                    'by_epoch': by_epoch,
                    **(saving or {}),
                },
            },
            custom_hooks=list(hooks),
            randomness={'seed': 5},
            log_level='ERROR',
            resume=resume,
            cfg=keys or {},
            **(validation if validate else {}),
        )

    return make


@pytest.fixture
def base(make_runner, tmp_path):
    """Checkpoint of a base that nobody trained."""
    runner = make_runner(folder='base')
    path = str(tmp_path / 'base.pth')
    torch.save({'state_dict': runner.model.state_dict()}, path)
    return path

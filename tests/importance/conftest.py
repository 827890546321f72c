"""A tiny segmentor and images for the analysis of modalities."""

import pytest
import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

from mmseg_missing.benchmark.steps import random_batch

WIDTHS = (8, 8, 16, 16)
MODALITIES = [{'name': 'rgb'}, {'name': 'depth', 'channels': 1}]


@pytest.fixture(scope='session')
def tiny():
    """Config of a segmentor for rgb and depth, five classes."""
    return {
        'type': 'MissingModalitySegmentor',
        'stack': MODALITIES,
        'sampler': 'full',
        'backbone': {
            'type': 'CMNeXt',
            'embed_dims': WIDTHS,
            'depths': (1, 1, 1, 1),
            'num_heads': (1, 1, 2, 2),
            'in_channels': [3, 1],
        },
        'decode_head': {
            'type': 'SegFormerMLPHead',
            'in_channels': WIDTHS,
            'channels': 8,
            'num_classes': 5,
            'align_corners': False,
            'loss_decode': {
                'type': 'CrossEntropyLoss',
                'avg_non_ignore': True,
            },
        },
    }


@pytest.fixture
def build(tiny):
    """Return a function that builds the segmentor, always the same one."""

    def build(**changes):
        torch.manual_seed(0)
        return MODELS.build({**tiny, **changes}).eval()

    with DefaultScope.overwrite_default_scope('mmseg'):
        yield build


@pytest.fixture
def batch():
    """Return a function that gives a batch for a network."""

    def batch(network, n=2):
        size = (37, 43)
        inputs, samples = random_batch(
            network, network.stack.full, size, n, 'cpu'
        )
        for sample in samples:
            sample.set_metainfo({'ori_shape': size, 'img_shape': size})
        return inputs, samples

    return batch

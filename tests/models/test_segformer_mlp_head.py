"""The all-MLP head."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn
from torch.testing import assert_close

from mmseg_missing.models import SegFormerMLPHead

DIMS = (3, 5, 7, 11)


@pytest.fixture
def levels():
    torch.manual_seed(0)
    sizes = ((13, 17), (7, 9), (4, 5), (2, 3))
    return [torch.randn(2, c, *size) for c, size in zip(DIMS, sizes)]


def test_fuses_as_published(levels):
    head = SegFormerMLPHead(DIMS, channels=5, num_classes=3).eval()
    for parameter in head.parameters():
        nn.init.normal_(parameter)
    maps = []
    for x, project in zip(levels, head.project, strict=True):
        x = project(x.movedim(1, 3)).movedim(3, 1)
        maps.append(F.interpolate(x, (13, 17), mode='bilinear'))
    weight = torch.cat([fuse.weight for fuse in head.fuse], 1)
    x = F.conv2d(torch.cat(maps, 1), weight[:, :, None, None])
    expected = head.conv_seg(head.norm(x).relu())
    # Sums in another order.
    assert_close(head(levels), expected, rtol=1e-5, atol=1e-4)


def test_trains_in_an_encoder_decoder():
    network = MODELS.build(
        {
            'type': 'EncoderDecoder',
            'backbone': {
                'type': 'CMNeXt',
                'embed_dims': (8, 8, 10, 16),
                'depths': (1, 1, 1, 1),
                'in_channels': [3, 1],
            },
            'decode_head': {
                'type': 'SegFormerMLPHead',
                'in_channels': (8, 8, 10, 16),
                'in_index': [0, 1, 2, 3],
                'channels': 8,
                'num_classes': 3,
                'loss_decode': {'type': 'CrossEntropyLoss'},
            },
        }
    )
    network.init_weights()
    sample = SegDataSample(
        gt_sem_seg=PixelData(data=torch.randint(3, (1, 64, 96)))
    )
    losses = network.loss(torch.randn(2, 4, 64, 96), [sample, sample])
    losses['decode.loss_ce'].backward()
    head = network.decode_head
    assert all(p.grad.any() for p in head.parameters())
    assert losses['decode.loss_ce'] < 1.5  # log(3) before the first step


def test_norm_is_a_choice():
    norm = {'type': 'GN', 'num_groups': 2}
    head = SegFormerMLPHead(DIMS, channels=4, norm_cfg=norm, num_classes=3)
    assert isinstance(head.norm, nn.GroupNorm)

"""Backbones and heads of the stack: streams, adapters, a step, a test."""

import importlib.util
from importlib import import_module

import pytest
import torch

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
BN = {'type': 'BN'}
# A backbone and the channels of its levels.
BACKBONES = {
    'resnet': (
        {
            'type': 'ResNetV1c',
            'depth': 50,
            'base_channels': 4,
            'stem_channels': 8,
            'norm_cfg': BN,
        },
        [16, 32, 64, 128],
    ),
    'mobilenet': (
        {'type': 'MobileNetV2', 'widen_factor': 0.25},
        [8, 8, 24, 80],
    ),
    'swin': (
        {
            'type': 'SwinTransformer',
            'embed_dims': 8,
            'depths': [1, 2, 1, 1],
            'num_heads': [1, 1, 2, 2],
            'window_size': 3,
        },
        [8, 16, 32, 64],
    ),
    'mit': (
        {
            'type': 'MixVisionTransformer',
            'embed_dims': 8,
            'num_layers': [1, 1, 1, 1],
            'num_heads': [1, 1, 2, 2],
        },
        [8, 8, 16, 16],
    ),
    'mscan': (
        {
            'type': 'MSCAN',
            'embed_dims': [8, 16, 24, 32],
            'depths': [1, 1, 1, 1],
            'norm_cfg': BN,
        },
        [8, 16, 24, 32],
    ),
    'convnext': (
        {
            'type': 'mmpretrain.ConvNeXt',
            'arch': {'depths': [1, 1, 1, 1], 'channels': [8, 16, 24, 32]},
            'out_indices': [0, 1, 2, 3],
            'gap_before_final_norm': False,
        },
        [8, 16, 24, 32],
    ),
}
HEADS = {
    'segformer': {'type': 'SegformerHead'},
    'uper': {'type': 'UPerHead', 'pool_scales': (1, 2)},
    'fcn': {'type': 'FCNHead', 'num_convs': 1, 'in_index': 3},
}
PAIRS = [
    ('resnet', 'uper'),
    ('resnet', 'fcn'),
    ('mobilenet', 'segformer'),
    ('mobilenet', 'fcn'),
    ('swin', 'uper'),
    ('swin', 'segformer'),
    ('mit', 'segformer'),
    ('mit', 'fcn'),
    ('mscan', 'segformer'),
    ('mscan', 'uper'),
    ('convnext', 'uper'),
    ('convnext', 'fcn'),
]


@pytest.fixture(params=PAIRS, ids='-'.join)
def pair(request, make_pair):
    """A base of two streams, and the same with adapters."""
    name, head = request.param
    if name == 'convnext':
        if not importlib.util.find_spec('mmpretrain'):
            pytest.skip('ConvNeXt comes with mmpretrain')
        import_module('mmpretrain.models')
    backbone, channels = BACKBONES[name]
    streams = {
        'type': 'MultiStreamBackbone',
        'backbone': backbone,
        'in_channels': [3, 1],
        'fusion': {'type': 'ConcatFusion'},
    }
    decode_head = {
        'in_index': [0, 1, 2, 3],
        'channels': 8,
        'num_classes': 3,
        'norm_cfg': BN,
        'align_corners': False,
        **HEADS[head],
    }
    is_plain = decode_head['in_index'] == 3
    decode_head['in_channels'] = channels[3] if is_plain else channels
    return make_pair((streams, channels), decode_head=decode_head)


def test_adapters_of_any_backbone_under_any_head(pair, inputs, make_samples):
    base, model = pair
    base.requires_grad_(False)
    with torch.no_grad():
        assert torch.equal(model(inputs), base(inputs))
    sites = {site.name for site in model.adapters.sites}
    for part in ('streams.0', 'streams.1', 'fusions.3'):
        assert any(f'backbone.{part}.' in name for name in sites)
    assert not any(name.startswith('decode_head') for name in sites)
    fired = set()
    for name in sites:
        model.get_submodule(name).register_forward_hook(
            lambda *_, name=name: fired.add(name)
        )
    start = {k: v.clone() for k, v in model.state_dict().items()}
    model.train()
    optimizer = torch.optim.AdamW(model.adapters.parameters(), lr=0.01)
    losses = model(inputs, make_samples([RGB, DEPTH]), 'loss')
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    optimizer.step()
    assert fired == sites
    moved = {
        key
        for key, value in model.state_dict().items()
        if not torch.equal(value, start[key])
    }
    assert moved == {
        'adapters.rows.table.rgb',
        'adapters.rows.table.depth',
        'adapters.samples_seen',
    }
    model.eval()
    with torch.no_grad():
        results = model(inputs, make_samples([RGB, DEPTH]), 'predict')
        assert torch.equal(model(inputs), base(inputs))
    for result in results:
        assert result.seg_logits.data.shape == (3, 32, 64)
        assert result.seg_logits.data.isfinite().all()

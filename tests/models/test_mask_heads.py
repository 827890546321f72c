"""Mask2Former's head, which mmdetection has."""

import copy
from importlib.util import find_spec

import pytest
import torch

ATTENTION = {'embed_dims': 16, 'num_heads': 2, 'batch_first': True}
FFN = {
    'embed_dims': 16,
    'feedforward_channels': 16,
    'num_fcs': 2,
    'act_cfg': {'type': 'ReLU', 'inplace': True},
}
DEFORMABLE = {**ATTENTION, 'num_levels': 3, 'num_points': 2}
POSITIONS = {'num_feats': 8, 'normalize': True}
SIGMOID = {'use_sigmoid': True, 'reduction': 'mean', 'loss_weight': 5.0}
HEAD = {
    'type': 'Mask2FormerHead',
    'in_channels': [8, 16, 40, 64],
    'strides': [4, 8, 16, 32],
    'feat_channels': 16,
    'out_channels': 16,
    'num_classes': 3,
    'num_queries': 5,
    'num_transformer_feat_level': 3,
    'enforce_decoder_input_project': False,
    'positional_encoding': POSITIONS,
    'pixel_decoder': {
        'type': 'mmdet.MSDeformAttnPixelDecoder',
        'num_outs': 3,
        'norm_cfg': {'type': 'GN', 'num_groups': 4},
        'act_cfg': {'type': 'ReLU'},
        'encoder': {
            'num_layers': 1,
            'layer_cfg': {'self_attn_cfg': DEFORMABLE, 'ffn_cfg': FFN},
        },
        'positional_encoding': POSITIONS,
    },
    'transformer_decoder': {
        'return_intermediate': True,
        'num_layers': 2,
        'layer_cfg': {
            'self_attn_cfg': ATTENTION,
            'cross_attn_cfg': ATTENTION,
            'ffn_cfg': FFN,
        },
    },
    'loss_cls': {
        'type': 'mmdet.CrossEntropyLoss',
        'use_sigmoid': False,
        'loss_weight': 2.0,
        'reduction': 'mean',
        'class_weight': [1.0, 1.0, 1.0, 0.1],
    },
    'loss_mask': {'type': 'mmdet.CrossEntropyLoss', **SIGMOID},
    'loss_dice': {
        'type': 'mmdet.DiceLoss',
        'activate': True,
        'naive_dice': True,
        'eps': 1.0,
        **SIGMOID,
    },
    'train_cfg': {
        'num_points': 32,
        'oversample_ratio': 3.0,
        'importance_sample_ratio': 0.75,
        'assigner': {
            'type': 'mmdet.HungarianAssigner',
            'match_costs': [{'type': 'mmdet.ClassificationCost'}],
        },
        'sampler': {'type': 'mmdet.MaskPseudoSampler'},
    },
}
FULL, RGB, DEPTH = (True, True), (True, False), (False, True)


@pytest.mark.skipif(find_spec('mmdet') is not None, reason='mmdet is here')
@pytest.mark.parametrize('kind', ['MaskFormerHead', 'Mask2FormerHead'])
def test_refused_without_mmdetection(make_segmentor, kind):
    head = {**copy.deepcopy(HEAD), 'type': kind}
    with pytest.raises(ValueError, match=rf'{kind!r} is made of mmdetection'):
        make_segmentor('cmnext', decode_head=head)


@pytest.fixture
def pair(make_pair):
    pytest.importorskip('mmdet.models')
    return make_pair('cmnext', decode_head=copy.deepcopy(HEAD))


@torch.no_grad()
def test_full_input_is_the_base(pair, inputs, make_samples):
    base, model = pair
    # torch's attention sums in another order for weights that want gradients.
    base.requires_grad_(False)

    def logits(network, presents):
        samples = network(inputs, make_samples(presents), 'predict')
        return torch.stack([s.seg_logits.data for s in samples])

    expected = logits(base, [FULL, FULL])
    assert torch.equal(logits(model, [FULL, FULL]), expected)
    assert not torch.equal(logits(model, [RGB, DEPTH]), expected)
    assert torch.equal(model(inputs), base(inputs))
    assert model(inputs).shape == (2, 3, 32, 64)


def test_rows_learn(pair, inputs, make_samples):
    _, model = pair
    samples = make_samples([RGB, DEPTH])
    for sample in samples:
        sample.set_metainfo({'batch_input_shape': (32, 64)})
    losses = model.train()(inputs, samples, 'loss')
    model.parse_losses(losses)[0].backward()
    assert all(row.grad.any() for row in model.adapters.rows.table.values())

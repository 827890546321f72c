"""Values that cannot work end in a sentence that names their key."""

import math

import pytest

from mmseg_missing.models import SegFormerMLPHead
from mmseg_missing.models.losses import FeatureMSE, LogitKL

BACKBONE = {
    'embed_dims': [[8, 16, 40], None, 8, [8, 16, 40, 0], [8, 16, 40, 'x']],
    'depths': [[1, 1, 1], [1, 1, 1, -1], [1, 1, 1, True], 'x', 10**9],
    'num_heads': [[1, 2, 5, 7], [-1] * 4, ['x'] * 4, 0],
    'sr_ratios': [[8, 4, 2], [8, 4, 2, 0], math.inf],
    'in_channels': [[], [3, 0], [3, 1.5], 'x', [3, None], {}],
    'drop_path_rate': [1, -0.1, math.nan, [0], None, True],
}
HEAD = {
    'in_channels': [[], 8, [8, 16, 40, 0], 'x', None],
    'in_index': [[0, 1], -1, [None], [0, 1, 2, -1], {}],
    'channels': [0, [0], math.inf, 10**9, ''],
    'num_classes': [1, 0, 2.0, None, 10**9],
    'dropout_ratio': [1, math.nan, 'x', {}],
    'align_corners': [0, None, 'x'],
    'norm_cfg': [None, True, {'zzz': 1}, {'type': 'Nope'}, []],
    'loss_decode': [0, '', {'zzz': 1}, [None]],
}
MODEL = {
    'backbone': [0, '', {}, {'type': 'Nope'}],
    'decode_head': [0, [], {'zzz': 1}, None],
    'test_cfg': [
        *(0, '', [0], {'mode': 0}, {'mode': 'whole', 'zzz': 1}),
        {'mode': 'slide'},
        {'mode': 'slide', 'crop_size': 8, 'stride': [8, 8]},
        {'mode': 'slide', 'crop_size': [8, 8], 'stride': [9, 8]},
    ],
    'teacher': [0, 1.5, 'x', [0], [{'zzz': 1}]],
    'fill': [None, 0, math.nan, [], {'rgb': None}],
    'data_preprocessor': [
        *('x', {'size': 3}, {'size_divisor': 0}, {'zzz': 1}),
        {'test_cfg': {'zzz': 1}},
    ],
}
ADAPTER = {
    'sites': [1.5, [0], [''], math.nan, {}],
    'combinations': [0, [None], 'rgb', {}],
    'rows': [[None], 0, {'zzz': 1}, True, 'x'],
    'batch_major': [0, None, [1]],
    'rank': [0, 1.5, None, [], True],
    'alpha': [0, math.nan, math.inf, 'x', {}],
    'rank_pattern': [True, {'.*q': 0}, [0]],
    'alpha_pattern': ['x', {'.*q': math.nan}],
    'fused': [1.5, {'kv': [None]}, {'kv': 0}],
}
TEACHERS = [
    (LogitKL, 'temperature', [0, math.nan, {}, None]),
    (LogitKL, 'confidence', [-0.1, '', True]),
    (LogitKL, 'loss_weight', [-1, math.inf, None]),
    (LogitKL, 'loss_name', ['', [], None]),
    (FeatureMSE, 'levels', [0, [-1], [0.5], 'x']),
]
LOSS = {
    'loss_weight': [-1, math.nan, 'x', None],
    'avg_non_ignore': [{}, 0, math.inf],
    'loss_name': [[], '', None],
}


def pairs(table):
    return [(key, value) for key, values in table.items() for value in values]


def refused(key):
    return pytest.raises((ValueError, TypeError), match=rf'\b{key}\b')


@pytest.mark.parametrize('network', ['cmnext', 'cmx', 'mmsformer'])
@pytest.mark.parametrize(('key', 'value'), pairs(BACKBONE))
def test_backbones(make_config, make_segmentor, network, key, value):
    config = make_config(network)
    config['backbone'][key] = value
    with refused(key):
        make_segmentor(network, backbone=config['backbone'])


@pytest.mark.parametrize(('key', 'value'), pairs(HEAD))
def test_head(make_config, make_segmentor, key, value):
    head = {**make_config()['decode_head'], key: value}
    with refused(key):
        make_segmentor(decode_head=head)


def test_foreign_heads_name_their_section(make_segmentor):
    head = {'type': 'FCNHead', 'in_channels': 'x', 'channels': 8}
    with refused('model.decode_head'):
        make_segmentor(decode_head=head)
    with refused('model.auxiliary_head'):
        make_segmentor(auxiliary_head=head)


@pytest.mark.parametrize(('key', 'value'), pairs(MODEL))
def test_segmentor(make_segmentor, key, value):
    with refused(key):
        make_segmentor(**{key: value})


@pytest.mark.parametrize(('key', 'value'), pairs(ADAPTER))
def test_adapter(make_segmentor, key, value):
    with refused(key):
        make_segmentor(adapter={'type': 'LowRank', key: value})


@pytest.mark.parametrize('value', [0, -1, 1.5, None, True, 10**9])
def test_hidden(make_segmentor, value):
    with refused('hidden'):
        make_segmentor(adapter={'type': 'Bottleneck', 'hidden': value})


@pytest.mark.parametrize('value', [0, None, [], 'Nope', {}])
def test_method(make_segmentor, value):
    with refused('model.adapter.type'):
        make_segmentor(adapter={'type': value})


@pytest.mark.parametrize(('kind', 'key', 'values'), TEACHERS)
def test_teachers(kind, key, values):
    for value in values:
        with refused(key):
            kind(**{key: value})


@pytest.mark.parametrize(('key', 'value'), pairs(LOSS))
def test_losses(make_config, make_segmentor, key, value):
    head = make_config()['decode_head']
    head['loss_decode'][key] = value
    with refused(key):
        make_segmentor(decode_head=head)


@pytest.mark.parametrize(
    ('settings', 'word'),
    [
        ({'pretrained_streams': 0}, 'pretrained_streams'),
        ({'pretrained_streams': [2]}, 'pretrained_streams'),
        ({'fusion': 'x'}, 'fusion'),
        ({'fusion': {'zzz': 1}}, 'fusion'),
        ({'fusion': {'type': 'SumFusion', 'dim': 3}}, 'fusion'),
        ({'fusion': {'type': 'TokenExchangeFusion', 'threshold': 2}}, 'thre'),
        ({'fusion': {'type': 'TokenExchangeFusion', 'sparsity': -1}}, 'spar'),
        ({'fusion': {'type': 'MultiScaleFusion', 'reduction': 0}}, 'reduc'),
        ({'fusion': {'type': 'RectifyFuse', 'num_heads': 0}}, 'num_heads'),
        ({'backbone': 1.5}, 'backbone'),
        ({'backbone': {'type': 'ResNet', 'depth': []}}, 'backbone.backbone'),
        ({'backbone': {'type': 'ResNet', 'depth': 7}}, 'backbone.backbone'),
    ],
)
def test_streams(make_config, make_segmentor, settings, word):
    backbone = {**make_config('resnet streams')['backbone'], **settings}
    with pytest.raises((ValueError, TypeError), match=word):
        make_segmentor('resnet streams', backbone=backbone)


def test_sizes_that_work_still_do():
    head = SegFormerMLPHead([8, 16], 8, (0, 1), num_classes=2)
    assert head.in_channels == [8, 16]

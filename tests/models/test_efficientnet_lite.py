"""EfficientNet-Lite as a backbone, and weights of TensorFlow in it."""

import pytest
import torch
import torch.nn.functional as F

from mmseg_missing.models import EfficientNetLite, MultiStreamBackbone
from mmseg_missing.models.converters.efficientnet_lite import (
    efficientnet_lite_from_tensorflow,
    variant_of,
)

# (blocks, kernel, stride, expansion, channels) of Lite0: the repository of
# TPU models.
TABLE = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]
# Convolutions, norms and biases up to 320 channels; the published network
# has 4.65 million with its head.
PARAMETERS = 2_958_848


def convs():
    """Yield (convolution, norm, out, in per group, kernel) of Lite0."""
    yield '_conv_stem', '_bn0', 32, 3, 3
    dim, block = 32, 0
    for blocks, kernel, _, expand, channels in TABLE:
        for _ in range(blocks):
            at, hidden = f'_blocks.{block}.', dim * expand
            if expand > 1:
                yield f'{at}_expand_conv', f'{at}_bn0', hidden, dim, 1
            yield f'{at}_depthwise_conv', f'{at}_bn1', hidden, 1, kernel
            yield f'{at}_project_conv', f'{at}_bn2', channels, hidden, 1
            dim, block = channels, block + 1
    yield '_conv_head', '_bn1', 1280, 320, 1


@pytest.fixture(scope='module')
def weights():
    """Random weights of Lite0 with the names of TensorFlow."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for conv, norm, c_out, c_in, size in convs():
        shape = (c_out, c_in, size, size)
        weights[f'{conv}.weight'] = torch.randn(shape, generator=generator)
        weights[f'{conv}.weight'] *= (2 / (c_in * size * size)) ** 0.5
        for leaf in ('weight', 'bias', 'running_mean', 'running_var'):
            offset = leaf in ('weight', 'running_var')
            noise = torch.rand(c_out, generator=generator)
            weights[f'{norm}.{leaf}'] = offset + 0.1 * noise
        weights[f'{norm}.num_batches_tracked'] = torch.tensor(1)
    weights['_fc.weight'] = torch.zeros(1000, 1280)
    weights['_fc.bias'] = torch.zeros(1000)
    return weights


def reference(weights, x):
    """Run the published layers with TensorFlow's padding, stage by stage."""

    def unit(x, conv, norm, stride=1, groups=1, act=True):
        weight = weights[f'{conv}.weight']
        size = weight.shape[-1]
        pads = []
        for length in (x.shape[3], x.shape[2]):
            total = (-(-length // stride) - 1) * stride + size - length
            pads += [max(total, 0) // 2, max(total, 0) - max(total, 0) // 2]
        x = F.conv2d(F.pad(x, pads), weight, None, stride, 0, 1, groups)
        mean, var, scale, shift = (
            weights[f'{norm}.{leaf}']
            for leaf in ('running_mean', 'running_var', 'weight', 'bias')
        )
        x = F.batch_norm(x, mean, var, scale, shift, eps=1e-3)
        return F.relu6(x) if act else x

    x = unit(x, '_conv_stem', '_bn0', 2)
    block, maps = 0, []
    for blocks, _, first_stride, expand, _ in TABLE:
        for i in range(blocks):
            at, stride = f'_blocks.{block}.', 1 if i else first_stride
            y = x
            if expand > 1:
                y = unit(y, f'{at}_expand_conv', f'{at}_bn0')
            depthwise = f'{at}_depthwise_conv', f'{at}_bn1'
            y = unit(y, *depthwise, stride, y.shape[1])
            y = unit(y, f'{at}_project_conv', f'{at}_bn2', act=False)
            x = x + y if i else y
            block += 1
        maps.append(x)
    return maps


@pytest.mark.parametrize('size', [(64, 96), (37, 51)])
def test_equals_the_published_layers(weights, size):
    network = EfficientNetLite(out_indices=range(7)).eval()
    network.load_state_dict(
        efficientnet_lite_from_tensorflow(weights, 'lite0')
    )
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        pairs = zip(network(x), reference(weights, x), strict=True)
        for ours, theirs in pairs:
            torch.testing.assert_close(ours, theirs)


def test_number_of_parameters():
    network = EfficientNetLite()
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS
    assert network.out_channels == [24, 40, 112, 320]


def test_variant_is_found(weights):
    assert variant_of(weights) == 'lite0'
    assert EfficientNetLite('lite2').out_channels == [24, 48, 120, 352]


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda w: w.pop('_blocks.3._bn1.weight'), 'depthwise.bn.weight mis'),
        (lambda w: w.update({'_blocks.99._bn1.bias': w['_fc.bias']}), 'unkno'),
        (lambda w: w.update({'_bn0.bias': torch.ones(5)}), 'another shape'),
    ],
)
def test_other_weights_are_refused(weights, change, words):
    changed = dict(weights)
    change(changed)
    with pytest.raises(ValueError, match=words):
        efficientnet_lite_from_tensorflow(changed, 'lite0')


def test_other_networks_have_no_variant():
    with pytest.raises(ValueError, match='check SRC'):
        variant_of({'_blocks.0._project_conv.weight': torch.ones(5, 1, 1, 1)})


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'variant': 'lite9'}, 'backbone.variant'),
        ({'out_indices': (1, 7)}, 'backbone.out_indices'),
        ({'out_indices': 3}, 'backbone.out_indices'),
    ],
)
def test_bad_values_are_named(values, words):
    with pytest.raises((TypeError, ValueError), match=words):
        EfficientNetLite(**values)


def test_one_stream_per_modality():
    backbone = MultiStreamBackbone({'type': 'EfficientNetLite'}, [3, 1])
    maps = backbone(torch.randn(1, 4, 33, 47))
    assert [tuple(x.shape[2:]) for x in maps] == [
        (9, 12),
        (5, 6),
        (3, 3),
        (2, 2),
    ]

"""CMNeXt under its authors' names."""

import pytest
import torch

from mmseg_missing.models.converters.cmnext import cmnext_from_authors


@pytest.fixture
def weights(golden_weights):
    return golden_weights('cmnext_tiny_2modal')


def test_every_number_arrives_once(weights):
    converted = cmnext_from_authors(weights)
    before, after = (
        torch.cat([tensor.flatten() for tensor in tensors.values()])
        for tensors in (weights, converted)
    )
    assert torch.equal(before.sort().values, after.sort().values)


def test_step_counters_may_come_along(weights):
    name = 'backbone.extra_block1.0.norm1.num_batches_tracked'
    converted = cmnext_from_authors(weights | {name: torch.tensor(7)})
    name = 'backbone.extra_stages.0.blocks.0.norm1.num_batches_tracked'
    assert converted[name] == 7


@pytest.mark.parametrize(
    ('lost', 'message'),
    [
        ('backbone.block2.1.mlp.fc1.bias', r'2\.blocks|1\.blocks.*missing'),
        ('backbone.FRMs.3.channel_weights.mlp.2.bias', 'rectify.3.* missing'),
        ('backbone.patch_embed3.proj.weight', 'patch embeddings'),
        ('decode_head.linear_fuse.conv.weight', 'fuse.0.weight.* missing'),
        ('decode_head.linear_pred.weight', 'classifier'),
    ],
)
def test_lost_tensor_is_named(weights, lost, message):
    del weights[lost]
    with pytest.raises(ValueError, match=message):
        cmnext_from_authors(weights)


@pytest.mark.parametrize(
    'name', ['backbone.more.weight', 'decode_head.more.bias', 'more.bias']
)
def test_unknown_tensor_is_named(weights, name):
    with pytest.raises(ValueError, match=f'{name} unknown'):
        cmnext_from_authors(weights | {name: torch.ones(1)})


def test_other_shape_is_named(weights):
    name = 'backbone.norm3.weight'
    weights[name] = weights[name][1:]
    with pytest.raises(ValueError, match=r'2\.norm\.weight of another shape'):
        cmnext_from_authors(weights)

"""CMX under its authors' names."""

import pytest
import torch

from mmseg_missing.models import CMX
from mmseg_missing.models.converters.cmx import cmx_from_authors, take_rgb

BIAS = 'decode_head.linear_fuse.0.bias'
MEAN = 'decode_head.linear_fuse.1.running_mean'


@pytest.fixture
def weights(golden_weights):
    return golden_weights('cmx_tiny')


def test_every_number_arrives_once(weights):
    converted = cmx_from_authors(weights)
    weights[MEAN] = weights[MEAN] - weights.pop(BIAS)
    before, after = (
        torch.cat([tensor.flatten() for tensor in tensors.values()])
        for tensors in (weights, converted)
    )
    assert torch.equal(before.sort().values, after.sort().values)


def test_given_weights_stay(weights):
    before = {name: tensor.clone() for name, tensor in weights.items()}
    take_rgb(cmx_from_authors(weights))
    torch.testing.assert_close(weights, before, rtol=0, atol=0)


def test_step_counters_may_come_along(weights):
    name = 'backbone.FFMs.2.channel_emb.norm.num_batches_tracked'
    converted = cmx_from_authors(weights | {name: torch.tensor(7)})
    assert converted['backbone.fuse.2.norm.num_batches_tracked'] == 7


def test_other_order_of_colours(weights):
    network = CMX(embed_dims=(16, 32, 40, 64), depths=(1, 2, 2, 1)).eval()
    converted = cmx_from_authors(weights)
    x = torch.randn(1, 6, 64, 96)

    @torch.no_grad()
    def run(weights, x):
        own = {
            name.removeprefix('backbone.'): tensor
            for name, tensor in weights.items()
            if name.startswith('backbone.')
        }
        network.load_state_dict(own)
        return network(x)

    expected = run(converted, x[:, [2, 1, 0, 5, 4, 3]])
    for ours, theirs in zip(run(take_rgb(converted), x), expected):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ('lost', 'message'),
    [
        ('backbone.block2.1.mlp.fc1.bias', r'streams\.0\.stages.* missing'),
        ('backbone.extra_block2.1.attn.q.bias', r'streams\.1\..* missing'),
        ('backbone.extra_patch_embed3.proj.bias', r'streams\.1\..* missing'),
        ('backbone.patch_embed3.proj.weight', 'patch embeddings'),
        ('decode_head.linear_fuse.0.weight', 'fuse.0.weight.* missing'),
        ('decode_head.linear_pred.weight', 'classifier'),
        (BIAS, BIAS),
        (MEAN, MEAN),
    ],
)
def test_lost_tensor_is_named(weights, lost, message):
    del weights[lost]
    with pytest.raises(ValueError, match=message):
        cmx_from_authors(weights)


@pytest.mark.parametrize(
    'name', ['backbone.more.weight', 'decode_head.more.bias', 'more.bias']
)
def test_unknown_tensor_is_named(weights, name):
    with pytest.raises(ValueError, match=f'{name} unknown'):
        cmx_from_authors(weights | {name: torch.ones(1)})


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('backbone.extra_norm3.weight', r'2\.norm\.weight of another shape'),
        (BIAS, 'of one length'),
    ],
)
def test_other_shape_is_named(weights, name, message):
    weights[name] = weights[name][1:]
    with pytest.raises(ValueError, match=message):
        cmx_from_authors(weights)

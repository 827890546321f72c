"""MMSFormer under its authors' names."""

import pytest
import torch

from mmseg_missing.models.converters.mmsformer import mmsformer_from_authors


@pytest.fixture
def weights(golden_weights):
    return golden_weights('mmsformer_tiny_2modal')


def test_every_number_arrives_once(weights):
    converted = mmsformer_from_authors(weights)
    before, after = (
        torch.cat([tensor.flatten() for tensor in tensors.values()])
        for tensors in (weights, converted)
    )
    assert torch.equal(before.sort().values, after.sort().values)


def test_one_stream_without_fusion(weights):
    joint = ('backbone.extra_mit.', 'backbone.fusion_block.')
    alone = {n: w for n, w in weights.items() if not n.startswith(joint)}
    converted = mmsformer_from_authors(alone)
    assert not any(n.startswith('backbone.fuse') for n in converted)
    assert len(converted) == len(alone) + 3  # the convolution over all levels


def test_three_streams(weights):
    for name, tensor in list(weights.items()):
        if 'extra_mit.0.' in name:
            weights[name.replace('mit.0.', 'mit.1.')] = tensor + 1
        if 'liner_fusion_layers' in name and name.endswith('weight'):
            width = len(tensor)
            weights[name] = torch.cat([tensor, tensor[:, :width]], 1)
    converted = mmsformer_from_authors(weights)
    first, second = (
        converted[f'backbone.streams.{k}.stages.3.norm.bias'] for k in (1, 2)
    )
    assert torch.equal(second, first + 1)


def test_step_counters_may_come_along(weights):
    name = 'backbone.fusion_block.mix_ffn.2.pwconv1.bn.num_batches_tracked'
    converted = mmsformer_from_authors(weights | {name: torch.tensor(7)})
    assert converted['backbone.fuse.2.ffn.before.1.num_batches_tracked'] == 7


@pytest.mark.parametrize(
    ('lost', 'message'),
    [
        ('backbone.block2.1.mlp.fc1.bias', r'0\.stages\.1.*1\.ffn.* missing'),
        (
            'backbone.extra_mit.0.block3.1.mlp.fc1.bias',
            r'1\.stages\.2.* missing',
        ),
        (
            'backbone.fusion_block.mix_ffn.0.pwconv1.pwconv.weight',
            r'fuse\.0\.ffn\.before.* missing',
        ),
        ('backbone.patch_embed3.proj.weight', 'patch embeddings'),
        ('backbone.extra_mit.0.patch_embed1.proj.weight', 'patch embeddings'),
        ('decode_head.linear_fuse.conv.weight', 'fuse.0.weight.* missing'),
        ('decode_head.linear_pred.weight', 'classifier'),
    ],
)
def test_lost_tensor_is_named(weights, lost, message):
    del weights[lost]
    with pytest.raises(ValueError, match=message):
        mmsformer_from_authors(weights)


@pytest.mark.parametrize(
    ('name', 'ours'),
    [
        ('backbone.more.weight', 'backbone.streams.0.more.weight'),
        ('backbone.fusion_block.more.bias', 'fusion_block.more.bias'),
        ('decode_head.more.bias', 'decode_head.more.bias'),
        ('more.bias', 'more.bias'),
    ],
)
def test_unknown_tensor_is_named(weights, name, ours):
    with pytest.raises(ValueError, match=f'{ours} unknown'):
        mmsformer_from_authors(weights | {name: torch.ones(1)})


@pytest.mark.parametrize(
    ('name', 'ours'),
    [
        ('backbone.norm3.weight', r'0\.stages\.2\.norm\.weight'),
        (
            'backbone.fusion_block.channel_attns.3.fc.0.weight',
            r'fuse\.3\.channel\.0\.weight',
        ),
    ],
)
def test_other_shape_is_named(weights, name, ours):
    weights[name] = weights[name][1:]
    with pytest.raises(ValueError, match=f'{ours} of another shape'):
        mmsformer_from_authors(weights)

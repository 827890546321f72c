"""Predicted features, put to the test."""

import pytest
import torch

from mmseg_missing.importance import Imputation, imputation_tables
from mmseg_missing.importance.imputation import SLOTS

RANK = 64
STACK = [
    {'name': 'nir', 'channels': 1},
    {'name': 'depth', 'channels': 1},
]


@pytest.fixture
def network(build):
    """Two equal streams, and an imputer that knows nothing yet."""
    model = build(
        stack=STACK,
        backbone={
            'type': 'MultiStreamBackbone',
            'backbone': {
                'type': 'ResNetV1c',
                'depth': 18,
                'base_channels': 8,
                'num_stages': 4,
                'out_indices': (0, 1, 2, 3),
            },
            'in_channels': [1, 1],
        },
        decode_head={
            'type': 'FCNHead',
            'in_channels': 64,
            'channels': 8,
            'num_convs': 1,
            'num_classes': 5,
        },
        adapter={'type': 'ScaleShift'},
        imputer={'rank': RANK, 'prompts': 0},
    )
    one, other = model.backbone.streams
    other.load_state_dict(one.state_dict())
    model.adapters.samples_seen += 1
    model.imputer.fitted.fill_(1)
    return model


@pytest.fixture
def images(batch, network):
    """Four images whose two modalities show the same.

    They are labelled by the network itself, which is so always right.
    """
    inputs, samples = batch(network, 4)
    inputs = inputs[:, :1].repeat(1, 2, 1, 1) * torch.arange(1.0, 5).view(
        4, 1, 1, 1
    )
    network.decode_head.conv_seg.bias.data.zero_()
    for sample in network(inputs, samples, mode='predict'):
        sample.gt_sem_seg = sample.pred_sem_seg
    assert len(torch.cat([s.gt_sem_seg.data for s in samples]).unique()) > 1
    return inputs, samples


def measured(network, inputs, samples, names=('nir', 'depth')):
    test = Imputation(network, names, 5)
    assert len(list(test.add(inputs, samples))) == test.num_steps
    return test.report()


@torch.no_grad()
def make_perfect(network):
    """Let the imputer hand on what the other stream says."""
    for level in network.imputer.levels:
        c = level.mean.shape[1]
        level.enter.zero_()[:, :c] = torch.eye(c)
        level.leave.zero_()[:, :, :c] = torch.eye(c)


def test_what_knows_all(network, images):
    make_perfect(network)
    found = measured(network, *images)
    for name, target in (('nir', 'depth'), ('depth', 'nir')):
        assert found['r2'][name][target] == pytest.approx([1.0] * 4)
        scores = found['miou'][name]
        assert scores['imputed'] == scores['oracle'] == 100
        assert scores['shuffled'] < 100
    assert found['images'] == 4


@torch.no_grad()
def test_what_knows_the_mean_alone(network, images):
    with network.adapters.bypassed():
        [levels] = network.backbone.stream_levels(images[0], [0])
    for level, x in zip(network.imputer.levels, levels):
        level.mean.copy_(x.mean((0, 2, 3)).expand(2, -1))
    found = measured(network, *images)
    shares = found['r2']['nir']['depth']
    assert shares == pytest.approx([0.0] * 4, abs=1e-5)
    scores = found['miou']['nir']
    assert scores['imputed'] == scores['shuffled'] == scores['mean']
    assert scores['imputed'] < scores['oracle'] == 100


def test_it_leaves_the_network_as_it_was(network, images):
    make_perfect(network)
    before = network(*images, mode='tensor')
    measured(network, *images)
    assert torch.equal(before, network(*images, mode='tensor'))
    assert not network.imputer._forward_hooks


def test_tables(network, images):
    text = imputation_tables(measured(network, *images, names=['depth']))
    assert all(slot in text for slot in SLOTS)
    assert 'nir from depth' in text and 'level 4' in text
    assert 'depth from nir' not in text


def test_bad_input(network, images, build):
    with pytest.raises(ValueError, match='predicts no features'):
        Imputation(build(), ['rgb'], 5)
    inputs, samples = images
    test = Imputation(network, ['nir'], 5)
    assert not list(test.add(inputs[:1], samples[:1]))
    with pytest.raises(ValueError, match='raise --batch-size'):
        test.report()
    network.test_cfg['mode'] = 'slide'
    with pytest.raises(ValueError, match=r"model\.test_cfg\.mode='whole'"):
        Imputation(network, ['nir'], 5)

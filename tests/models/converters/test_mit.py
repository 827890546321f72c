"""ImageNet weights of Mix Transformers under two kinds of names."""

import pytest
import torch
from mmseg.models.backbones import MixVisionTransformer
from torch import nn
from torch.testing import assert_close

from mmseg_missing.models import CMX, CMNeXt
from mmseg_missing.models.backbones import MultiStreamBackbone
from mmseg_missing.models.converters.mit import mit_to_cmnext

DIMS, DEPTHS = (4, 8, 20, 32), (1, 2, 1, 1)


@pytest.fixture
def published():
    """MMSegmentation's network, with its LayerNorm at CMNeXt's epsilon."""
    torch.manual_seed(0)
    network = MixVisionTransformer(
        embed_dims=4,
        num_layers=DEPTHS,
        num_heads=[1, 2, 5, 8],
        norm_cfg={'type': 'LN', 'eps': 1e-5},
    ).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network


def test_same_features_as_mmsegmentation(published):
    ours = CMNeXt(embed_dims=DIMS, depths=DEPTHS, in_channels=[3]).eval()
    ours.load_state_dict(mit_to_cmnext(published.state_dict()))
    x = torch.randn(2, 3, 67, 101)
    for out, expected in zip(ours(x), published(x), strict=True):
        assert_close(out, expected, rtol=1e-5, atol=1e-5)


def test_whole_segmentor_gives_its_backbone(published):
    weights = {f'backbone.{n}': w for n, w in published.state_dict().items()}
    weights['decode_head.conv_seg.weight'] = torch.ones(2)
    converted = mit_to_cmnext(weights)
    expected = mit_to_cmnext(published.state_dict())
    assert converted.keys() == expected.keys()


def test_original_names(golden_weights):
    # The main stream of CMNeXt has them.
    weights = golden_weights('cmnext_tiny_2modal', 'backbone.')
    own = ('patch_embed', 'block', 'norm')
    weights = {n: w for n, w in weights.items() if n.startswith(own)}
    converted = mit_to_cmnext(weights | {'head.weight': torch.ones(2)})
    assert len(converted) == len(weights)
    ours = CMNeXt(
        embed_dims=(16, 32, 40, 64), depths=(1, 2, 2, 1), in_channels=[3]
    )
    ours.load_state_dict(converted)


@pytest.mark.parametrize('in_channels', [[3], [1], [3, 1, 5]])
def test_main_stream_loads_by_config(published, tmp_path, in_channels):
    path = tmp_path / 'mit.pth'
    torch.save(mit_to_cmnext(published.state_dict()), path)
    ours = CMNeXt(
        embed_dims=DIMS,
        depths=DEPTHS,
        in_channels=in_channels,
        init_cfg={'type': 'Pretrained', 'checkpoint': str(path)},
    )
    ours.init_weights()
    assert_close(
        ours.stages[0].embed.proj.weight,
        published.state_dict()['layers.0.0.projection.weight'],
    )


@pytest.mark.parametrize('in_channels', [[3, 1], [[1, 1], [3, 3]]])
def test_both_streams_of_cmx_load_by_config(published, tmp_path, in_channels):
    path = tmp_path / 'mit.pth'
    torch.save(mit_to_cmnext(published.state_dict()), path)
    ours = CMX(
        embed_dims=DIMS,
        depths=DEPTHS,
        in_channels=in_channels,
        init_cfg={'type': 'Pretrained', 'checkpoint': str(path)},
    )
    ours.init_weights()
    given = torch.load(path)
    for stream in ours.streams:
        loaded = stream.state_dict()
        assert loaded.keys() == given.keys()
        for name, weight in given.items():
            if loaded[name].shape != weight.shape:
                # Six channels see each of three twice, at half the weight.
                weight = weight.repeat(1, 2, 1, 1) / 2
            assert torch.equal(loaded[name], weight), name


def test_all_streams_load_by_config(published, tmp_path):
    path = tmp_path / 'mit.pth'
    torch.save(mit_to_cmnext(published.state_dict()), path)
    stream = {
        'type': 'MixTransformer',
        'embed_dims': DIMS,
        'depths': DEPTHS,
        'init_cfg': {'type': 'Pretrained', 'checkpoint': str(path)},
    }
    ours = MultiStreamBackbone(stream, in_channels=[3, 1]).eval()
    ours.init_weights()
    x = torch.randn(2, 4, 64, 96)
    # One channel meets the sum over the three that the stem knows.
    both = published(x[:, :3]), published(x[:, [3, 3, 3]])
    for out, *streams in zip(ours(x), *both, strict=True):
        assert_close(out, sum(streams), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'layers.1.1.1.norm1.bias': None}, r'norm1\.bias missing'),
        ({'layers.9.bias': torch.ones(1)}, r'layers\.9\.bias unknown'),
        ({'layers.2.0.projection.weight': None}, 'patch embeddings'),
    ],
)
def test_other_tensors_are_named(published, change, message):
    weights = published.state_dict() | change
    weights = {n: w for n, w in weights.items() if w is not None}
    with pytest.raises(ValueError, match=message):
        mit_to_cmnext(weights)

"""Fusions of streams on one level."""

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_missing.models.backbones import MultiStreamBackbone

N, C, H, W = 2, 3, 5, 7


def _build(name, num_streams, **options):
    cfg = dict(type=name, dim=C, num_streams=num_streams, **options)
    return MODELS.build(cfg).eval()


def _streams(num_streams):
    return [torch.randn(N, C, H, W) for _ in range(num_streams)]


@pytest.mark.parametrize('num_streams', [1, 2, 4])
def test_sum(num_streams):
    streams = _streams(num_streams)
    fused = _build('SumFusion', num_streams)(streams)
    torch.testing.assert_close(fused, torch.stack(streams).sum(0))


@pytest.mark.parametrize('num_streams', [1, 2, 4])
def test_concat_is_one_linear_map_per_position(num_streams):
    fusion = _build('ConcatFusion', num_streams)
    streams = _streams(num_streams)
    weights = fusion.conv.weight[:, :, 0, 0].split(C, 1)
    expected = fusion.conv.bias[:, None, None] + sum(
        torch.einsum('oi,nihw->nohw', w, x)
        for w, x in zip(weights, streams, strict=True)
    )
    torch.testing.assert_close(fusion(streams), expected)


def test_rectify_fuse_rectifies_then_fuses():
    fusion = _build('RectifyFuse', 2, num_heads=3)
    first, second = _streams(2)
    expected = fusion.fuse(*fusion.rectify(first, second))
    assert expected.shape == (N, C, H, W)
    assert torch.equal(fusion([first, second]), expected)
    assert not torch.allclose(fusion([second, first]), expected)


@pytest.mark.parametrize('num_streams', [1, 3])
def test_rectify_fuse_takes_two_streams(num_streams):
    with pytest.raises(ValueError, match=r'fuses 2 streams, got .*fusion'):
        _build('RectifyFuse', num_streams)


@pytest.mark.parametrize(
    'name', ['SumFusion', 'ConcatFusion', 'MultiScaleFusion', 'RectifyFuse']
)
def test_backbone_builds_one_fusion_per_level(name):
    cfg = {'type': 'MobileNetV2', 'widen_factor': 0.25, 'out_indices': (1, 6)}
    model = MultiStreamBackbone(cfg, [3, 1], fusion={'type': name}).eval()
    levels = model(torch.randn(2, 4, 64, 64))
    assert [level.shape[1] for level in levels] == model.out_channels
    assert {type(f).__name__ for f in model.fusions} == {name}

"""Fusions of streams on one level."""

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_missing.models.backbones import MultiStreamBackbone
from mmseg_missing.models.utils.side_losses import collecting_losses

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


def _exchange(num_streams, threshold=0.5):
    torch.manual_seed(0)
    fusion = _build(
        'TokenExchangeFusion', num_streams, threshold=threshold, sparsity=0.1
    )
    for score in fusion.scores:  # as they come they hardly look at the input
        for weight in score.parameters():
            torch.nn.init.normal_(weight)
    return fusion


@pytest.mark.parametrize('num_streams', [1, 2, 3])
def test_token_exchange_position_by_position(num_streams):
    fusion = _exchange(num_streams)
    streams = _streams(num_streams)
    fused = fusion(streams)
    pairs = list(zip(fusion.scores, streams, strict=True))
    replaced = 0
    for position in torch.cartesian_prod(*map(torch.arange, (N, H, W))):
        n, h, w = position.tolist()
        at = [score(x)[n, 0, h, w] for score, x in pairs]
        own = [s * x[n, :, h, w] for s, (_, x) in zip(at, pairs, strict=True)]
        kept = []
        for m, token in enumerate(own):
            others = own[:m] + own[m + 1 :]
            is_poor = at[m] < 0.5 and num_streams > 1
            replaced += is_poor
            kept.append(sum(others) / len(others) if is_poor else token)
        expected = sum(kept) / num_streams
        torch.testing.assert_close(fused[n, :, h, w], expected)
    assert 0 < replaced < num_streams * N * H * W or num_streams == 1


def test_token_exchange_learns_its_scores():
    fusion = _exchange(2)
    streams = [x.requires_grad_() for x in _streams(2)]
    fusion(streams).square().sum().backward()
    for tensor in (*streams, *fusion.parameters()):
        assert tensor.grad.isfinite().all() and tensor.grad.any()


def test_token_exchange_wants_few_tokens():
    fusion, streams = _exchange(2), _streams(2)
    with collecting_losses() as losses:
        fusion(streams)
        assert losses == {}  # in evaluation there is no loss
        fusion.train()(streams)
    pairs = zip(fusion.scores, streams, strict=True)
    total = sum(score(x).sum() for score, x in pairs) / N
    torch.testing.assert_close(losses, {'loss_sparsity': 0.1 * total})
    fusion(streams)  # nobody collects it
    with collecting_losses() as losses:
        pass
    assert losses == {}


def test_token_exchange_loss_reaches_the_training(
    make_segmentor, inputs, make_samples
):
    model = make_segmentor('exchanging resnets')
    samples = make_samples([None, None])
    assert 'loss_sparsity' not in model(inputs, samples, 'loss')
    losses = model.train()(inputs, samples, 'loss')
    assert losses['loss_sparsity'] > 0
    losses['loss_sparsity'].backward()
    for fusion in model.backbone.fusions:
        assert fusion.scores[1][-1].weight.grad.any()


@pytest.mark.parametrize(
    'name',
    [
        'SumFusion',
        'ConcatFusion',
        'MultiScaleFusion',
        'RectifyFuse',
        'TokenExchangeFusion',
    ],
)
def test_backbone_builds_one_fusion_per_level(name):
    cfg = {'type': 'MobileNetV2', 'widen_factor': 0.25, 'out_indices': (1, 6)}
    model = MultiStreamBackbone(cfg, [3, 1], fusion={'type': name}).eval()
    levels = model(torch.randn(2, 4, 64, 64))
    assert [level.shape[1] for level in levels] == model.out_channels
    assert {type(f).__name__ for f in model.fusions} == {name}

"""CMNeXt computed in the order of its authors' code: the same, but slower.

`PublishedOrder` classes do what the authors' code does, operation for
operation, on the weights of this project's network. They are the reference
for agreement and for the ratio in docs/results/speed.md:

    python -m pytest -m slow -s tests/models/test_published_order.py
"""

import copy
import os
import time
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.testing import assert_close

from mmseg_missing.benchmark.measuring import interleave, ratio_spread
from mmseg_missing.models import CMNeXt, SegFormerMLPHead
from mmseg_missing.models.backbones.cmnext import (
    ChannelLayerNorm,
    PoolAttention,
)
from mmseg_missing.models.backbones.mix_transformer import (
    EfficientAttention,
    MiTStage,
    MixFFN,
    PatchEmbed,
)
from mmseg_missing.models.fusion.rectify import (
    CrossAttention,
    FeatureFusion,
    FeatureRectification,
)
from mmseg_missing.models.utils import strips
from mmseg_missing.products import IS_X86, Conv2d, Linear


def to_tokens(x):
    return x.flatten(2).transpose(1, 2)


def to_map(x, size):
    return x.transpose(1, 2).reshape(len(x), -1, *size)


def heads_of(x, parts, num_heads):
    """(n, l, parts heads d) -> ``parts`` times (n, heads, l, d)."""
    n, length, _ = x.shape
    return x.reshape(n, length, parts, num_heads, -1).permute(2, 0, 3, 1, 4)


class PublishedLinear(Linear):
    forward = nn.Linear.forward


class PublishedConv2d(Conv2d):
    _conv_forward = nn.Conv2d._conv_forward


class PublishedAttention(EfficientAttention):
    def forward(self, x, size):
        (q,) = heads_of(self.q(x), 1, self.num_heads)
        if self.sr is not None:
            x = self.norm(to_tokens(self.sr(to_map(x, size))))
        k, v = heads_of(self.kv(x), 2, self.num_heads)
        weights = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).flatten(2))


class PublishedMixFFN(MixFFN):
    def forward(self, x, size):
        x = to_tokens(self.dwconv(to_map(self.fc1(x), size)))
        return self.fc2(F.gelu(x))


class PublishedPatchEmbed(PatchEmbed):
    def forward(self, x):
        x = self.proj(x)
        return self.norm(to_tokens(x)), x.shape[2:]


class PublishedStage(MiTStage):
    def forward(self, x):
        x, size = self.embed(x)
        for block in self.blocks:
            x = block(x, size)
        return to_map(self.norm(x), size).contiguous()


class PublishedChannelNorm(ChannelLayerNorm):
    def forward(self, x):
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(variance + self.eps)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class PublishedPools(PoolAttention):
    def forward(self, x):
        u = x.clone()
        x = self.local(x)
        pooled = [
            F.avg_pool2d(x, size, 1, size // 2, count_include_pad=False)
            for size in self.pools
        ]
        return torch.sigmoid(self.mix(x + sum(pooled))) * u + u


class PublishedRectification(FeatureRectification):
    def forward(self, x1, x2):
        n, c, h, w = x1.shape
        both = torch.cat((x1, x2), 1)
        pooled = [
            pool(both, 1).view(n, 2 * c)
            for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d)
        ]
        channel = self.channel(torch.cat(pooled, 1))
        channel = channel.reshape(n, 2, c, 1, 1).permute(1, 0, 2, 3, 4)
        spatial = self.spatial(both).reshape(n, 2, 1, h, w).transpose(0, 1)
        to_1 = 0.5 * channel[1] * x2 + 0.5 * spatial[1] * x2
        to_2 = 0.5 * channel[0] * x1 + 0.5 * spatial[0] * x1
        return x1 + to_1, x2 + to_2


class PublishedCrossAttention(CrossAttention):
    def forward(self, x1, x2):
        (q1,) = heads_of(x1, 1, self.num_heads).contiguous()
        (q2,) = heads_of(x2, 1, self.num_heads).contiguous()
        k1, v1 = heads_of(self.kv1(x1), 2, self.num_heads).contiguous()
        k2, v2 = heads_of(self.kv2(x2), 2, self.num_heads).contiguous()
        scale = q1.shape[-1] ** -0.5
        context1 = (k1.transpose(-2, -1) @ v1 * scale).softmax(-2)
        context2 = (k2.transpose(-2, -1) @ v2 * scale).softmax(-2)
        return tuple(
            x.permute(0, 2, 1, 3).flatten(2).contiguous()
            for x in (q1 @ context2, q2 @ context1)
        )


class PublishedFusion(FeatureFusion):
    def forward(self, x1, x2):
        tokens = self.cross(to_tokens(x1), to_tokens(x2))
        both = to_map(torch.cat(tokens, -1), x1.shape[2:]).contiguous()
        return self.norm(self.residual(both) + self.embed(both))


class PublishedHead(SegFormerMLPHead):
    def forward(self, inputs):
        size = inputs[0].shape[2:]
        outs = []
        for x, project in zip(inputs, self.project, strict=True):
            y = to_map(project(to_tokens(x)), x.shape[2:])
            outs.append(F.interpolate(y, size, mode='bilinear'))
        weight = torch.cat([fuse.weight for fuse in self.fuse][::-1], 1)
        x = F.conv2d(torch.cat(outs[::-1], 1), weight[:, :, None, None])
        return self.cls_seg(F.relu(self.norm(x)))


class PublishedCMNeXt(CMNeXt):
    def _split(self, x):
        return [part.contiguous() for part in super()._split(x)]


def published_order(network):
    """Return a copy of a network that computes in the published order."""
    network = copy.deepcopy(network)
    published = {
        kind.__mro__[1]: kind
        for kind in globals().values()
        if isinstance(kind, type) and kind.__name__.startswith('Published')
    }
    for module in network.modules():
        module.__class__ = published.get(type(module), type(module))
    return network


def network_of(backbone, head):
    torch.manual_seed(0)
    network = nn.Sequential(CMNeXt(**backbone), SegFormerMLPHead(**head))
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
        else:
            nn.init.normal_(parameter, mean=0.5, std=0.2)
    return network.eval()


@pytest.fixture
def tiny():
    dims = (16, 32, 40, 64)
    return network_of(
        {'embed_dims': dims, 'depths': (1, 2, 1, 1), 'in_channels': [3, 3]},
        {'in_channels': dims, 'channels': 16, 'num_classes': 5},
    )


@torch.no_grad()
def test_agrees(tiny):
    reference = published_order(tiny)
    x = torch.randn(2, 6, 75, 101)
    ours, theirs = tiny[0](x), reference[0](x)
    pairs = [*zip(ours, theirs, strict=True), (tiny(x), reference(x))]
    for a, b in pairs:
        assert_close(a, b, rtol=1e-5, atol=1e-5 * b.abs().max().item())


def test_reference_shares_nothing(tiny):
    reference = published_order(tiny)
    kinds = {type(module) for module in reference.modules()}
    published = {k for k in kinds if k.__name__.startswith('Published')}
    assert len(published) == 13
    assert not any(
        type(module).__name__.startswith('Published')
        for module in tiny.modules()
    )


def cmnext_b2():
    """CMNeXt-B2 for two modalities of three channels and 40 classes."""
    return network_of(
        {'variant': 'b2', 'in_channels': [3, 3]},
        {'in_channels': [64, 128, 320, 512], 'num_classes': 40},
    )


@pytest.fixture(params=[1, os.cpu_count()])
def threads(request):
    """One thread, then as many as PyTorch takes by itself."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.slow
@torch.no_grad()
def test_takes_half_the_time(threads, capsys):
    """CMNeXt-B2, RGB and depth, 480x640, taking turns in one process."""
    ours = cmnext_b2()
    theirs, x = published_order(ours), torch.randn(1, 6, 480, 640)
    reusing, fill = ours[0].constant.reusing, {'rgb': 'zero', 'depth': 'zero'}

    def seconds(network, *present):
        told = torch.tensor([present or (True, True)])
        with reusing(told, fill, []):
            start = time.perf_counter()
            y = network(x)
            return time.perf_counter() - start, y

    rounds = []
    for _ in range(9):
        reference, expected = seconds(theirs)
        full, y = seconds(ours)
        rgb, depth = (
            seconds(ours, *present)[0]
            for present in ((True, False), (False, True))
        )
        times = full, rgb, depth
        rounds.append([reference, *(t / reference for t in times)])
    apart = (y - expected).abs().max() / expected.abs().max()
    rounds = torch.tensor(rounds[2:])
    middle, ratios = rounds.median(0).values, rounds[:, 1]
    with capsys.disabled():
        print(
            f'\n{threads} threads, published order {middle[0]:.2f} s; in '
            f'ratio to it: all {middle[1]:.2f} ({ratios.min():.2f} to '
            f'{ratios.max():.2f}), without depth {middle[2]:.2f}, without '
            f'RGB {middle[3]:.2f}; {apart:.1e} apart'
        )
    assert middle[1] <= 0.5
    assert middle[2:].max() < middle[1]
    assert apart < 1e-5


@pytest.mark.slow
@torch.no_grad()
def test_what_strips_save(threads, monkeypatch, capsys):
    """CMNeXt-B2, RGB and depth, 480x640: large maps in strips, or whole."""
    network, x = cmnext_b2(), torch.randn(1, 6, 480, 640)

    def whole():
        with monkeypatch.context() as patch:
            patch.setattr(strips, 'LEAST', 2**60)
            network(x)

    steps = {'whole': whole, 'strips': lambda: network(x)}
    seconds = interleave(steps, 9)
    ratio = ratio_spread(seconds['strips'], seconds['whole'])
    with capsys.disabled():
        print(
            f'\n{threads} threads, strips: {ratio["median"]:.2f} of the time '
            f'({ratio["p10"]:.2f} to {ratio["p90"]:.2f})'
        )
    assert ratio['median'] < 1


def part_of(event):
    """Return what an operator does in a network, in words."""
    if event.key != 'aten::mkldnn_convolution':
        return event.key
    _, channels, *kernel = event.input_shapes[1]
    if kernel == [1, 1]:
        return 'products by oneDNN'
    return 'depth-wise' if channels == 1 else 'other convolutions'


@pytest.mark.slow
@torch.no_grad()
def test_where_the_time_goes(one_thread, capsys):
    """Shares of CMNeXt-B2, RGB and depth, 480x640."""
    network = cmnext_b2()
    x = torch.randn(1, 6, 480, 640)
    network(x)
    with profile(
        activities=[ProfilerActivity.CPU], record_shapes=True
    ) as seen:
        for _ in range(3):
            network(x)
    times = Counter()
    for event in seen.key_averages(group_by_input_shape=True):
        times[part_of(event)] += event.self_cpu_time_total
    shares = {part: t / times.total() for part, t in times.items()}
    with capsys.disabled():
        print()
        for part, _ in times.most_common(16):
            print(f'{shares[part]:7.1%} {part}')
    if IS_X86:
        assert shares['products by oneDNN'] > 0.25
        assert shares['aten::gelu_'] < 0.1

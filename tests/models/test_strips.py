"""Large maps a strip of rows at a time: the same, and nobody notices."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmseg_missing.adapters import METHODS, Adapter, ScaleShift, attach
from mmseg_missing.models import SegFormerMLPHead
from mmseg_missing.models.backbones.mix_transformer import MixFFN
from mmseg_missing.models.utils import strips

SIZE = 29, 7  # three strips of eight rows, one of five
PRESENT = [(True, False), (True, True), (False, True)]


@pytest.fixture(autouse=True)
def as_if_large(monkeypatch):
    monkeypatch.setattr(strips, 'LEAST', 3 * 7 * 11 * 4 * 20)
    monkeypatch.setattr(strips, 'STRIP', 0)


@pytest.fixture
def maps():
    torch.manual_seed(1)
    return torch.randn(3, *SIZE, 5).permute(0, 3, 1, 2)


@pytest.fixture
def calls(monkeypatch):
    """Rows of all maps that the depth-wise convolutions got."""
    rows = []
    plain = nn.Conv2d._conv_forward

    def convolve(self, x, weight, bias):
        if self.groups > 1:
            rows.append(x.shape[2])
        return plain(self, x, weight, bias)

    monkeypatch.setattr(nn.Conv2d, '_conv_forward', convolve)
    return rows


def hang(feed_forward, stack, kind, sites, *others):
    """Attach methods to sites of a feed_forward."""
    if not others:
        return attach(feed_forward, stack, kind, sites=sites, rows='table')
    several = [{'type': k, 'sites': sites} for k in (kind, *others)]
    return attach(feed_forward, stack, several, rows='table')


STRIPS = [9, 10, 10, 6]  # with the neighbours


@torch.no_grad()
@pytest.mark.parametrize('n', [1, 3])
def test_the_same_rows(feed_forward, maps, calls, n):
    x = maps[:n]
    with torch.enable_grad():
        expected = feed_forward(x).detach()
    assert calls == [SIZE[0]]
    found = feed_forward(x)
    if n == 1:  # small enough
        assert calls[1:] == [SIZE[0]]
        strips.LEAST //= 3
        found = feed_forward(x)
        del calls[1]
    assert calls[1:] == STRIPS
    assert_close(found, expected)
    assert found.stride() == expected.stride()


@pytest.mark.parametrize('method', [m for m in METHODS if m != 'NormTuning'])
@pytest.mark.parametrize('sites', [['fc1', 'dwconv', 'fc2'], ['dwconv']])
def test_adapters_come_along(
    feed_forward, stack, maps, calls, draw_rows, method, sites
):
    with torch.no_grad():
        base = feed_forward(maps)
    assert calls == STRIPS
    bank = hang(feed_forward, stack, METHODS[method], sites)
    draw_rows(bank)
    with bank.told(PRESENT):
        expected = feed_forward(maps).detach()
        with torch.no_grad():
            found = feed_forward(maps)
    assert calls[4:] == [SIZE[0], *STRIPS]
    assert_close(found, expected)
    assert torch.equal(found[1], base[1])  # all present: bit for bit
    assert (found[0] - base[0]).abs().max() > 0.01


class Centred(ScaleShift):
    """Looks at the whole map, and inherits from one that does not."""

    def modulate(self, x, numbers, call):
        x = super().modulate(x, numbers, call)
        dims = tuple(range(1, x.ndim))
        return x - x.mean(dims, keepdim=True)


class Own(Adapter):
    """Says nothing of itself."""

    def identity(self):
        return torch.zeros(1)

    def modulate(self, x, numbers, call):
        return x + numbers.view(-1, *[1] * (x.ndim - 1))


@pytest.mark.parametrize('kind', [Centred, Own])
@pytest.mark.parametrize('beside', [False, True])
def test_an_adapter_that_may_look_around_sees_all(
    feed_forward, stack, maps, calls, kind, beside
):
    others = [METHODS['LowRank']] * beside
    bank = hang(feed_forward, stack, kind, ['dwconv'], *others)
    with bank.told(PRESENT), torch.no_grad():
        feed_forward(maps)
    assert calls == [SIZE[0]]


def test_several_methods_come_along(feed_forward, stack, maps, calls):
    kinds = METHODS['LowRank'], METHODS['Shift']
    bank = hang(feed_forward, stack, kinds[0], ['dwconv'], kinds[1])
    with bank.told(PRESENT), torch.no_grad():
        feed_forward(maps)
    assert calls == STRIPS


def looks_at(layer, kind):
    """Hook a layer; return its handle."""

    def look(module, args, output=None):
        """Look on."""

    if kind == 'output':
        return layer.register_forward_hook(look)
    if kind == 'input':
        return layer.register_forward_pre_hook(look)
    if kind == 'all outputs':
        return nn.modules.module.register_module_forward_hook(look)
    return nn.modules.module.register_module_forward_pre_hook(look)


@torch.no_grad()
@pytest.mark.parametrize('layer', ['fc1', 'dwconv', 'fc2'])
@pytest.mark.parametrize(
    'kind', ['output', 'input', 'all outputs', 'all inputs']
)
def test_who_looks_on_sees_the_whole_map(
    feed_forward, maps, calls, layer, kind
):
    handle = looks_at(getattr(feed_forward.ffn, layer), kind)
    try:
        feed_forward(maps)
    finally:
        handle.remove()
    assert calls == [SIZE[0]]


@torch.no_grad()
def test_other_layouts_stay(feed_forward, maps, calls):
    if isinstance(feed_forward.ffn, MixFFN):
        pytest.skip('tokens have one layout')
    y = feed_forward(maps.contiguous())
    assert calls == [SIZE[0]]
    assert_close(y, feed_forward(maps))


@torch.no_grad()
def test_strips_that_would_be_large_as_well(feed_forward, maps, calls):
    """Wide maps, or many: half of each strip would be computed twice."""
    feed_forward(
        maps[..., None, :].expand(-1, -1, -1, 5, -1).flatten(3)[:, :, :15]
    )
    assert calls == [15]


@torch.no_grad()
@pytest.mark.parametrize(
    'other',
    [
        {'kernel_size': 5, 'padding': 2},
        {'kernel_size': 3, 'padding': 2, 'dilation': 2},
        {'kernel_size': 3, 'padding': 1, 'padding_mode': 'circular'},
    ],
)
def test_a_convolution_that_looks_farther_sees_all(
    feed_forward, maps, calls, other
):
    """One that somebody put in the place of ours."""
    feed_forward.ffn.dwconv = nn.Conv2d(11, 11, groups=11, **other)
    with torch.enable_grad():
        expected = feed_forward(maps).detach()
    assert_close(feed_forward(maps), expected)
    assert calls == [SIZE[0]] * 2


def head_of(norm_cfg):
    torch.manual_seed(0)
    head = SegFormerMLPHead(
        [4, 6], 11, [0, 1], norm_cfg=norm_cfg, num_classes=5
    )
    for parameter in head.parameters():
        nn.init.normal_(parameter, 0.1)
    return head


@torch.no_grad()
@pytest.mark.parametrize(
    ('norm', 'is_training', 'count'),
    [
        ({'type': 'BN'}, False, 4),
        ({'type': 'BN'}, True, 1),
        ({'type': 'GN', 'num_groups': 1}, False, 1),
        ({'type': 'BN', 'track_running_stats': False}, False, 1),
    ],
)
def test_the_head_where_rows_do_not_mix(norm, is_training, count):
    head = head_of(norm).train(is_training)
    head.dropout = None
    levels = [torch.randn(3, 4, *SIZE), torch.randn(3, 6, 15, 4)]
    with torch.enable_grad():
        expected = head(levels).detach()
    seen = []
    plain = head.cls_seg
    head.cls_seg = lambda x: (seen.append(x.shape[2]), plain(x))[1]
    found = head(levels)
    assert len(seen) == count
    assert_close(found, expected)


@torch.no_grad()
def test_the_head_draws_what_it_drops_once():
    """Dropout may stay on in a test, which then samples: whole channels."""
    head = head_of({'type': 'BN'}).eval()
    head.dropout.train().p = 0.5
    nn.init.ones_(head.conv_seg.weight)
    levels = [torch.ones(3, 4, *SIZE), torch.ones(3, 6, *SIZE)]
    found = head(levels)
    assert len(found[0, 0].unique().round(decimals=3).unique()) == 1


@torch.no_grad()
def test_a_classifier_that_looks_around_sees_all():
    head = head_of({'type': 'BN'}).eval()
    head.conv_seg = nn.Conv2d(11, 5, 3, padding=1)
    levels = [torch.randn(3, 4, *SIZE), torch.randn(3, 6, 15, 4)]
    with torch.enable_grad():
        expected = head(levels).detach()
    assert_close(head(levels), expected)

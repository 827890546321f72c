"""LoRA: against peft, per site, fused, and in grouped convolutions."""

import copy
import math

import pytest
import torch
from torch import nn

from mmseg_missing.adapters import LowRank, attach, fold

RGB = (True, False)


class Host(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)


# Plain layers; peft runs its A without dilation and with zeros around.
LAYERS = {
    'linear': (lambda: nn.Linear(3, 5), (7, 3)),
    'linear, no bias': (lambda: nn.Linear(3, 5, bias=False), (7, 3)),
    'conv': (lambda: nn.Conv2d(3, 11, 3, 2, 1), (3, 5, 7)),
    'pointwise conv': (lambda: nn.Conv2d(3, 5, 1), (3, 5, 7)),
    'conv1d': (lambda: nn.Conv1d(3, 5, 3, padding='same'), (3, 7)),
}


def make(layer, shape, stack, **options):
    torch.manual_seed(0)
    network = Host(layer()).double().eval()
    x = torch.randn(2, *shape, dtype=torch.float64)
    attach(network, stack, LowRank, **options)
    bank = network.adapters.double()
    row = bank.rows.table['rgb'].data.normal_()
    bank.samples_seen += 1
    return network, x, bank.identity + row


def run(network, x):
    with network.adapters.told([RGB] * len(x)):
        return network(x)


@pytest.mark.parametrize('kind', LAYERS)
def test_it_agrees_with_peft(kind, stack):
    peft = pytest.importorskip('peft', reason="extra 'peft'")
    network, x, numbers = make(*LAYERS[kind], stack, rank=2, alpha=6)
    plain = Host(copy.deepcopy(network.layer))
    del plain.layer.adapter
    plain.layer._forward_hooks.clear()
    config = peft.LoraConfig(r=2, lora_alpha=6, target_modules=['layer'])
    theirs = peft.get_peft_model(plain, config).double().eval()
    lora = theirs.base_model.model.layer
    a, b = lora.lora_A['default'].weight, lora.lora_B['default'].weight
    with torch.no_grad():
        a.copy_(numbers[: a.numel()].view(a.shape))
        b.copy_(numbers[a.numel() :].view(b.shape))
    expected = theirs(x)
    assert (expected - lora.base_layer(x)).abs().max() > 0.1
    torch.testing.assert_close(run(network, x), expected, rtol=0, atol=1e-6)
    merged = theirs.merge_and_unload().layer
    fold(network, 'rgb')
    torch.testing.assert_close(
        network.layer.weight, merged.weight, rtol=0, atol=1e-6
    )
    torch.testing.assert_close(network(x), merged(x), rtol=0, atol=1e-6)


def test_rank_and_alpha_by_pattern(make_network, stack):
    attach(
        make_network(),
        stack,
        LowRank,
        sites=['stem', r'body\.0', 'head'],
        rank=2,
        rank_pattern={'body.0': 1, 'head': 2},
        alpha_pattern={'stem': 10},
    )
    network = make_network()
    bank = attach(
        network,
        stack,
        LowRank,
        rank=2,
        rank_pattern={'body.0': 1},
        alpha_pattern={'stem': 10},
    )
    sizes = dict(zip((s.name for s in bank.sites), bank.widths))
    assert sizes == {
        'stem': 2 * (4 * 9 + 6),  # rank * (c_in * k * k + c_out)
        'body.0': 9 + 6,  # depth-wise
        'head': 2 * (6 + 2),
    }
    assert network.stem.adapter.strength == 10 / 2
    assert network.head.adapter.strength == 1


def test_parts_of_a_fused_layer_have_matrices_of_their_own(stack):
    layer, shape = (lambda: nn.Linear(3, 6)), (7, 3)
    network, x, numbers = make(layer, shape, stack, rank=1, fused={'layer': 3})
    assert len(numbers) == 3 * 3 + 6
    a, b = numbers[:9].view(3, 1, 3), numbers[9:].view(3, 2, 1)
    base = nn.functional.linear(x, network.layer.weight, network.layer.bias)
    parts = [x @ (b[i] @ a[i]).T for i in range(3)]
    expected = base + torch.cat(parts, -1)
    torch.testing.assert_close(run(network, x), expected)


def test_qkv_is_known_to_be_fused(stack):
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.kv = nn.Linear(3, 9), nn.Linear(3, 6)
            self.proj = nn.Linear(3, 3)

    bank = attach(Attention(), stack, LowRank, rank=1)
    assert bank.widths == [3 * 3 + 9, 2 * 3 + 6, 3 + 3]


@pytest.mark.parametrize('groups', [2, 4])
def test_groups_share_a(groups, stack):
    layer = lambda: nn.Conv2d(4, 8, 3, padding=1, groups=groups)  # noqa: E731
    network, x, numbers = make(layer, (4, 5, 7), stack, rank=2, alpha=4)
    columns = 4 // groups * 9
    a, b = numbers[: 2 * columns].view(2, -1), numbers[2 * columns :]
    change = 2 * (b.view(8, 2) @ a).view(8, -1, 3, 3)
    conv = network.layer
    expected = nn.functional.conv2d(
        x, conv.weight + change, conv.bias, padding=1, groups=groups
    )
    torch.testing.assert_close(run(network, x), expected)


def test_its_start_depends_on_the_name_of_the_site_alone(make_network, stack):
    banks = [
        attach(make_network(), stack, LowRank, rank=2, sites=sites)
        for sites in (None, ['head'])
    ]
    torch.manual_seed(3)
    banks.append(attach(make_network(), stack, LowRank, rank=2))
    assert torch.equal(banks[0].identity, banks[2].identity)
    width = banks[1].num_parameters
    assert torch.equal(banks[0].identity[-width:], banks[1].identity)
    assert banks[1].identity.any()


def test_impossible_rank(make_network, stack):
    with pytest.raises(
        ValueError, match=r'adapter\.rank` must be at least 1, got 0'
    ):
        attach(make_network(), stack, LowRank, sites=['head'], rank=0)


def test_no_more_rank_than_the_weight_has(make_network, stack):
    bank = attach(make_network(), stack, LowRank, sites=['head'], rank=9)
    assert bank.widths == [2 * (6 + 2)]


def test_parts_that_do_not_divide(make_network, stack):
    with pytest.raises(ValueError, match='3 parts do not divide'):
        attach(
            make_network(), stack, LowRank, sites=['head'], fused={'head': 3}
        )


def test_norms_are_not_for_it(make_network, stack):
    with pytest.raises(ValueError, match=r"'norm' matched no layer"):
        attach(make_network(), stack, LowRank, sites=['norm'])


def test_layers_called_with_keywords(stack):
    class Named(Host):
        def forward(self, x):
            return self.layer(input=x)

    network = Named(nn.Linear(3, 3))
    attach(network, stack, LowRank, rank=1)
    with pytest.raises(ValueError, match='called with keywords'):
        run(network, torch.randn(2, 3))


@pytest.mark.parametrize('key', ['rank_pattern', 'alpha_pattern', 'fused'])
def test_patterns_without_a_site(make_network, stack, key):
    with pytest.raises(ValueError, match=rf"'nosuch' matched no .*{key}`"):
        attach(make_network(), stack, LowRank, rank=1, **{key: {'nosuch': 1}})


@pytest.mark.parametrize('alpha', [0, -1, math.nan, 'four'])
def test_impossible_alpha(make_network, stack, alpha):
    with pytest.raises(
        (ValueError, TypeError), match=r'model\.adapter\.alpha'
    ):
        attach(make_network(), stack, LowRank, rank=1, alpha=alpha)

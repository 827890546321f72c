"""BatchNorms that dissolve into convolutions, and those that do not."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.testing import assert_close

from mmseg_missing.adapters import (
    add_biases,
    attach,
    drop_norms,
    find_foldable_norms,
    fold,
    fold_norms,
)


class Paths(nn.Module):
    """One way for a norm to follow a convolution per name."""

    def __init__(self):
        super().__init__()
        for name in ('plain', 'twice', 'first', 'added', 'bent', 'shared'):
            self.add_module(name, nn.Conv2d(3, 3, 3, padding=1, bias=False))
            self.add_module(f'{name}_norm', nn.BatchNorm2d(3))
        self.plain_norm = nn.BatchNorm2d(3, affine=False)
        self.bare = nn.Conv2d(3, 3, 1)
        self.bare_norm = nn.BatchNorm2d(3, track_running_stats=False)
        self.up = nn.ConvTranspose2d(3, 3, 1)
        self.up_norm = nn.BatchNorm2d(3)

    def forward(self, x):
        x = self.plain_norm(self.plain(x))
        y = self.twice(x)
        x = self.twice_norm(y) + y
        x = self.first(self.first_norm(x))
        x = self.added_norm(self.added(x) + x)
        x = self.bent_norm(self.bent(x).relu_())
        for _ in range(2):
            x = self.shared_norm(self.shared(x)).relu_()
        return self.up_norm(self.up(self.bare_norm(self.bare(x))))


def make_paths():
    torch.manual_seed(0)
    network = Paths().double().eval()
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5) if 'var' in name else tensor.normal_()
    return network


@pytest.fixture
def image():
    return torch.randn(2, 3, 5, 7, dtype=torch.double, requires_grad=True)


def test_only_what_follows_directly(image):
    network = make_paths()
    found = find_foldable_norms(network, lambda: network(image))
    assert found == {'plain_norm': 'plain', 'shared_norm': 'shared'}
    assert not any(m._forward_hooks for m in network.modules())


class Doubled(nn.Conv2d):
    """Does more with its weight than a convolution."""

    def forward(self, x):
        return super().forward(x) * 2


def _tie(network):
    network.bare.weight = network.plain.weight


def _name_twice(network):
    network.alias = network.plain_norm


def _hook(layer):
    layer.register_forward_hook(lambda *args: args[2] * 2)


@pytest.mark.parametrize(
    'change',
    [
        _tie,
        _name_twice,
        lambda network: _hook(network.plain),
        lambda network: _hook(network.plain_norm),
        lambda network: setattr(network.plain, '__class__', Doubled),
        lambda network: weight_norm(network.plain),
    ],
)
def test_layers_that_do_more_or_serve_others_stay(image, change):
    network = make_paths()
    network.plain = nn.Conv2d(3, 3, 1).double()
    network.bare = nn.Conv2d(3, 3, 1).double()
    change(network)
    found = find_foldable_norms(network, lambda: network(image))
    assert found == {'shared_norm': 'shared'}


def test_same_output_from_fresh_weights(image):
    network = make_paths()
    norms = find_foldable_norms(network, lambda: network(image))
    expected = network(image)
    gained = fold_norms(network, norms)
    assert gained == ['plain', 'shared']
    fresh = make_paths()
    add_biases(fresh, gained)
    drop_norms(fresh, norms)
    fresh.load_state_dict(network.state_dict())
    for folded in (network, fresh):
        assert_close(folded(image), expected, rtol=0, atol=1e-10)


def test_after_adapters(make_network, stack, train_rows, x):
    network, x = make_network().double(), x.double().requires_grad_()
    train_rows(attach(network, stack), ['rgb'])
    with network.adapters.told([(True, False)] * len(x)):
        expected = network(x)
    gained = fold(network, 'rgb')
    norms = find_foldable_norms(network, lambda: network(x))
    assert norms == {'norm': 'stem'}
    assert gained == ['stem']
    assert fold_norms(network, norms) == []  # it has its bias already
    assert isinstance(network.norm, nn.Identity)
    assert_close(network(x), expected, rtol=0, atol=1e-10)


def test_another_network(make_network):
    with pytest.raises(ValueError, match=r"no layer 'body\.7\.norm'"):
        drop_norms(make_network(), ['body.7.norm'])

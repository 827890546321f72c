"""Without gradients the result takes the place of a layer's output."""

import pytest
import torch
from torch import nn

from mmseg_missing.adapters import attach
from mmseg_missing.products import Conv2d, Linear


class Same(nn.LayerNorm):
    """Returns what it was given."""

    channel_dim = -1

    def forward(self, x):
        return x


class Host(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)


LAYERS = {
    'linear': lambda: nn.Linear(3, 3),
    'conv': lambda: nn.Conv2d(5, 2, 1),
    'own linear': lambda: Linear(3, 3),
    'own conv': lambda: Conv2d(5, 2, 1),
    'norm': lambda: nn.LayerNorm(3),
    'same': lambda: Same(3),
}


@pytest.fixture
def make(stack, train_rows):
    def _make(kind):
        torch.manual_seed(0)
        network = Host(LAYERS[kind]())
        train_rows(attach(network, stack))
        return network, torch.randn(2, 5, 7, 3)

    return _make


def run(network, x):
    with network.adapters.told([(True, False), (False, True)]):
        return network(x)


@pytest.mark.parametrize('kind', LAYERS)
def test_gradients_change_nothing(make, kind):
    network, x = make(kind)
    given = x.clone()
    with torch.no_grad():
        y = run(network, x)
    assert torch.equal(y, run(network, x))
    assert torch.equal(x, given)
    assert not torch.equal(y, network.layer.forward(x))


@pytest.mark.parametrize('kind', ['linear', 'own linear', 'own conv'])
def test_memory_of_the_output_is_used(make, kind):
    network, x = make(kind)
    outputs = []
    forward = network.layer.forward

    def keep(x):
        outputs.append(forward(x))
        return outputs[-1]

    network.layer.forward = keep
    with torch.no_grad():
        y = run(network, x)
    assert y.data_ptr() == outputs[0].data_ptr()


def test_a_hook_that_looks_on_keeps_what_it_saw(make):
    network, x = make('linear')
    seen = []
    network.layer.register_forward_hook(
        lambda layer, args, output: seen.append(output), prepend=True
    )
    with torch.no_grad():
        run(network, x)
    assert torch.equal(seen[0], network.layer.forward(x))


class ByCaller(nn.LayerNorm):
    """Its caller says where the channels of a map lie."""

    def forward(self, x, is_last=False):
        if is_last:
            return super().forward(x)
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def test_gradients_of_a_norm_that_takes_more_than_its_input(stack, train_rows):
    """It must not be run again on its input alone."""
    layer = ByCaller(3)
    layer.channel_dim = -1
    network = Host(layer)
    network.forward = lambda x: layer(x, is_last=True)
    train_rows(attach(network, stack))
    x = torch.randn(2, 3, 7, 3, requires_grad=True)
    y = run(network, x)
    y.square().sum().backward()
    rows = network.adapters.rows.table.values()
    for row, x_, y_ in zip(rows, x, y, strict=True):
        slope = (2 * y_ * layer.forward(x_, is_last=True)).sum((0, 1))
        torch.testing.assert_close(row.grad[:3], slope)

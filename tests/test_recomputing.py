"""What is computed again sees what the first time was told."""

import copy

import pytest
import torch
from torch import nn

from mmseg_missing.adapters import attach
from mmseg_missing.context import telling, told_to
from mmseg_missing.modality import Stack
from mmseg_missing.recomputing import (
    recompute,
    recompute_flagged,
    recompute_named,
)

STACK = Stack([{'name': 'rgb'}, {'name': 'depth', 'channels': 1}])
PRESENT = [(True, False), (False, True), (True, True)]


class Block(nn.Module):
    """A frozen layer that counts, and notes what it is told."""

    def __init__(self, with_cp=False):
        super().__init__()
        self.layer, self.with_cp = nn.Conv2d(4, 4, 3, padding=1), with_cp
        self.told = []

    def forward(self, x, scale=1):
        self.told.append(told_to('present'))
        return scale * self.layer(x).tanh()


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = Block(), Block()

    def forward(self, x):
        return self.second(self.first(x), scale=3)


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = Network()
    bank = attach(network, STACK)
    for row in bank.rows.table.values():
        row.detach().normal_(0, 0.3)
    return network


@pytest.fixture
def x():
    return torch.randn(3, 4, 5, 7)


def gradients(network, x, present=PRESENT):
    bank = network.adapters
    with telling({'present': present}), bank.told(present):
        y = network(x)
    rows = list(bank.rows.table.values())
    return y, torch.autograd.grad(y.square().mean(), rows)


def test_the_first_layer_learns_too(network, x):
    y, expected = gradients(network, x)
    recompute(network.first)
    recompute(network.second)
    again, found = gradients(network, x)
    assert torch.equal(again, y)
    torch.testing.assert_close(found, expected)
    assert all(row.abs().min() > 0 for row in found)
    assert network.second.told == [PRESENT] * 3  # the last one in backward


def test_another_call_meanwhile(network, x):
    """Backward may come within a later call, with others present."""
    _, expected = gradients(network, x)
    recompute(network)
    bank = network.adapters
    with bank.told(PRESENT):
        loss = network(x).square().mean()
    with bank.told(PRESENT[::-1]), telling({'present': 'later'}):
        found = torch.autograd.grad(
            loss, list(bank.rows.table.values()), retain_graph=True
        )
        assert told_to('present') == 'later'
    torch.testing.assert_close(found, expected)
    assert 'later' not in network.first.told
    # A graph that was kept is computed again each time.
    found = torch.autograd.grad(loss, list(bank.rows.table.values()))
    torch.testing.assert_close(found, expected)


def test_a_copy_runs_itself(network, x):
    recompute(network.first)
    twin = copy.deepcopy(network)
    gradients(twin, x)
    assert (len(network.first.told), len(twin.first.told)) == (0, 2)


def test_nothing_is_repeated_without_gradients(network, x):
    recompute(network)
    with torch.no_grad(), network.adapters.told(PRESENT):
        network(x)
    assert len(network.first.told) == 1


def test_the_innermost_blocks_that_are_flagged():
    network = Network()
    network.with_cp = network.first.with_cp = True
    recompute_flagged(network)
    assert not network.first.with_cp
    assert 'forward' in vars(network.first)
    assert 'forward' not in vars(network.second)
    assert 'forward' not in vars(network)


def test_parts_by_name():
    network = Network()
    recompute_named(network, 'first')
    recompute_named(network, ['second'])
    assert all('forward' in vars(part) for part in network.children())
    with pytest.raises(ValueError, match=r"'third'.*activation_checkpoint"):
        recompute_named(network, ['first', 'third'])

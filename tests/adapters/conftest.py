"""A small network with a site of every kind."""

import pytest
import torch
from torch import nn

from mmseg_missing.modality import Stack

N, H, W = 2, 5, 7


class Network(nn.Module):
    """Convolutions, norms and a linear layer; (n, 4, h, w) -> (n, 2)."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(4, 6, 3, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.body = nn.Sequential(nn.Conv2d(6, 6, 3, groups=6), nn.ReLU())
        self.drop = nn.Dropout(0.5)
        self.tokens = nn.LayerNorm(6)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        x = self.drop(self.body(self.norm(self.stem(x))))
        return self.head(self.tokens(x.flatten(2).mT)).mean(1)


@pytest.fixture
def stack():
    return Stack([{'name': 'rgb'}, {'name': 'depth', 'channels': 1}])


@pytest.fixture
def make_network():
    """Return a function that builds the same small network each time."""

    def make():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = Network()
            network.norm.running_mean.normal_()
            network.norm.running_var.uniform_(1, 2)
            return network.eval()

    return make


@pytest.fixture
def x():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N, 4, H, W, generator=generator)


@pytest.fixture
def train_rows():
    """Return a function that lets rows look as if they were trained."""

    def train(bank, names=None, seed=0):
        generator = torch.Generator().manual_seed(seed)
        names = bank.rows.names if names is None else names
        for key in bank.rows.stored(names).values():
            numbers = bank.rows.get_parameter(key).detach()
            noise = torch.randn(numbers.shape, generator=generator)
            numbers.copy_(0.3 * noise)
        for index, name in enumerate(bank.rows.names):
            if name in names:
                bank.samples_seen[index] = 11 + index
        return bank

    return train

"""Rows that are mixed out of vectors which all combinations share."""

import math
import warnings

import pytest
import torch

from mmseg_missing.adapters import ExpertRows, attach, read_rows, save_adapter
from mmseg_missing.modality import Stack

A_C, B_C, C = (True, False, True), (False, True, True), (False, False, True)
FULL = (True, True, True)


@pytest.fixture
def three():
    sizes = {'a': 2, 'b': 1, 'c': 1}
    return Stack([{'name': n, 'channels': c} for n, c in sizes.items()])


def test_a_shared_vector_and_a_mean_of_experts(three):
    rows = ExpertRows(three, width=2, experts=2)
    rows.shared.data = torch.tensor([5.0, 0.0])
    rows.experts.data = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    rows.weight.data = torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    rows.bias.data = torch.tensor([0.0, math.log(3) - 1])
    # With `a` the gate is softmax(0, log 3) = (1/4, 3/4).
    has_a, lacks_a = rows(torch.tensor([A_C, B_C]))
    torch.testing.assert_close(has_a, torch.tensor([7.5, 3.5]))
    share = 1 / (1 + 3 * math.exp(-2))
    torch.testing.assert_close(
        lacks_a, torch.tensor([8 - 2 * share, 4 - 2 * share])
    )
    assert not rows(torch.tensor([FULL])).any()


def test_numbers(three, make_network):
    """A combination uses one vector; K + 1 of them are stored, and a gate."""
    bank = attach(
        make_network(), three, rows={'type': 'experts', 'experts': 5}
    )
    assert bank.num_parameters == bank.rows.width == 52
    stored = {
        key: bank.rows.get_parameter(key).numel()
        for key in bank.rows.stored(bank.rows.names).values()
    }
    assert stored == {
        'shared': 52,
        'experts': 5 * 52,
        'weight': 3 * 5,
        'bias': 5,
    }
    assert bank.row_options == {'experts': 5}
    assert attach(make_network(), three, rows='experts').row_options == {
        'experts': 4
    }


@pytest.mark.parametrize('rows', ['hyper', 'experts'])
def test_combinations_that_were_never_drawn(
    make_network, three, x, rows, tmp_path
):
    """Learnt from others, told without a warning, written out in a table."""
    network = make_network()
    bank = attach(network, three, rows=rows, combinations=['a+c', 'b+c'])
    optimizer = torch.optim.AdamW(bank.parameters(), 0.05)
    for _ in range(4):
        network.train()
        optimizer.zero_grad()
        with bank.told([A_C, B_C]):
            network(x).pow(2).sum().backward()
        optimizer.step()
        bank.samples_seen += bank.count([A_C, B_C])
    assert bank.served == ('a+c', 'b+c', 'c')  # `c` was never missing
    network.eval()
    base = make_network()(x)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('error')
        with bank.told([C, FULL]):
            y = network(x)
    # It wins what it was not drawn for, and the full input is the base's.
    assert y[0].pow(2).sum() < base[0].pow(2).sum()
    assert torch.equal(y[1], base[1])
    save_adapter(network, tmp_path / 'a.safetensors')
    _, table = read_rows(tmp_path / 'a.safetensors')
    assert set(table) == {'a+c', 'b+c', 'c'}
    torch.testing.assert_close(
        table['c'], (bank.numbers([C])[0] - bank.identity).detach()
    )

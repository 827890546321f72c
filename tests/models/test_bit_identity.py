"""All modalities present: the base's logits, bit for bit."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmseg_missing import products
from mmseg_missing.models.heads import segformer_mlp_head
from mmseg_missing.models.utils import in_place

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)


@pytest.fixture(scope='module')
def pair(make_pair, network):
    """A base and the same with adapters that look trained."""
    return make_pair(network)


@pytest.fixture(params=['fp32', 'bf16', 'as if large'])
def autocast(request, monkeypatch):
    """Whether to compute in bf16; in fp32 maybe as large networks are."""
    if request.param == 'as if large':
        for name in ('LEAST_ROWS', 'LEAST_PRODUCTS'):
            monkeypatch.setattr(products, name, 0)
        monkeypatch.setattr(segformer_mlp_head, 'PART', 3)
        monkeypatch.setattr(in_place, 'LEAST', 0)
    return request.param == 'bf16'


@torch.no_grad()
def test_trained_adapters_leave_complete_samples_alone(
    pair, make_samples, inputs, autocast
):
    base, model = pair
    if any(isinstance(m, nn.MultiheadAttention) for m in base.modules()):
        # torch.matmul over non-contiguous tokens sums in another order when
        # the weight requires gradients, also under no_grad.
        base.requires_grad_(False)
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        expected = base(inputs)
        alone = model(inputs, make_samples([FULL, FULL]))
        first = model(inputs, make_samples([FULL, RGB]))
        last = model(inputs, make_samples([DEPTH, FULL]))
    assert expected.dtype == (torch.bfloat16 if autocast else torch.float32)
    assert torch.equal(alone, expected)
    assert torch.equal(first[0], expected[0])
    assert torch.equal(last[1], expected[1])
    # The others are not the base, not even the base with their fill.
    assert not torch.equal(first[1], expected[1])
    filled = base(inputs, make_samples([DEPTH, RGB]))
    assert (first[1] - filled[1]).abs().max() > 0.1
    assert (last[0] - filled[0]).abs().max() > 0.1


def test_every_site_reaches_the_logits(
    pair, make_samples, inputs, monkeypatch
):
    _, model = pair
    # A gate of few channels may sleep as a whole behind its ReLU.
    monkeypatch.setattr(nn.ReLU, 'forward', lambda self, x: F.leaky_relu(x))
    model.zero_grad()
    model(inputs, make_samples([RGB, DEPTH])).square().sum().backward()
    bank = model.adapters
    for row in bank.rows.table.values():
        parts = row.grad.split(bank.widths)
        for part, site in zip(parts, bank.sites, strict=True):
            assert part.any(), site.name


@torch.no_grad()
def test_mixed_batch_equals_its_samples_one_by_one(pair, make_samples, inputs):
    model, inputs = copy.deepcopy(pair[1]).double(), inputs.double()
    mixed = model(inputs, make_samples([RGB, DEPTH]))
    for i, present in enumerate([RGB, DEPTH]):
        alone = model(inputs[i : i + 1], make_samples([present]))[0]
        torch.testing.assert_close(mixed[i], alone, rtol=1e-9, atol=1e-9)

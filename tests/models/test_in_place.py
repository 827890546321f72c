"""GELU and ReLU take the memory of a layer's output that nobody else sees."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmseg_missing.adapters import METHODS, attach
from mmseg_missing.models.utils import in_place
from mmseg_missing.models.utils.in_place import gelu, relu


@pytest.fixture(autouse=True)
def as_if_large(monkeypatch):
    monkeypatch.setattr(in_place, 'LEAST', 0)


STEPS = [(gelu, F.gelu), (relu, F.relu)]
each_step = pytest.mark.parametrize(('step', 'plain'), STEPS)


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.Conv2d(3, 37, 3, padding=1, bias=False)


@pytest.fixture
def x():
    torch.manual_seed(1)
    x = torch.randn(2, 3, 5, 7)
    return x.contiguous(memory_format=torch.channels_last)


@each_step
@torch.no_grad()
def test_takes_the_memory(layer, x, step, plain):
    y = layer(x)
    expected = plain(y)
    z = step(y, layer)
    assert z.data_ptr() == y.data_ptr()
    assert torch.equal(z, expected)


def look(module, args, output):
    """Hook that looks on."""


@each_step
@pytest.mark.parametrize('who', ['hook', 'global hook', 'kind', 'gradient'])
def test_leaves_what_somebody_sees(layer, x, step, plain, who):
    handles = []
    if who == 'hook':
        handles.append(layer.register_forward_hook(look))
    elif who == 'global hook':
        handles.append(nn.modules.module.register_module_forward_hook(look))
    elif who == 'kind':
        layer = nn.Sequential(layer)
    try:
        with torch.set_grad_enabled(who == 'gradient'):
            y = layer(x)
            before = y.clone()
            z = step(y, layer)
    finally:
        for handle in handles:
            handle.remove()
    assert torch.equal(y, before)
    assert torch.equal(z, plain(before))


@pytest.fixture
def maps():
    torch.manual_seed(1)
    x = torch.randn(3, 5, 3, 7)
    return x.contiguous(memory_format=torch.channels_last)


PRESENT = [(True, False), (True, True), (False, True)]


@pytest.mark.parametrize('method', [m for m in METHODS if m != 'NormTuning'])
@pytest.mark.parametrize('sites', [['fc1', 'dwconv', 'fc2'], ['dwconv']])
def test_adapters_get_and_give_what_they_did(
    draw_rows, feed_forward, stack, maps, method, sites
):
    """With gradients nothing is overwritten: the same to the last bit."""
    base = copy.deepcopy(feed_forward)
    kind = METHODS[method]
    bank = draw_rows(attach(feed_forward, stack, kind, sites, rows='table'))
    with bank.told(PRESENT):
        expected = feed_forward(maps)
        with torch.no_grad():
            found = feed_forward(maps)
            again = feed_forward(maps)
    assert torch.equal(found, expected.detach())
    assert torch.equal(again, found)
    assert torch.equal(found[1], base(maps)[1])
    assert (found[0] - base(maps)[0]).abs().max() > 0.01


@torch.no_grad()
def test_a_hook_on_an_adapter_keeps_what_it_saw(
    draw_rows, feed_forward, stack, maps
):
    bank = draw_rows(
        attach(feed_forward, stack, sites=['dwconv'], rows='table')
    )
    seen = []
    feed_forward.ffn.dwconv.adapter.register_forward_hook(
        lambda module, args, output: seen.append((output, output.clone()))
    )
    with bank.told(PRESENT):
        feed_forward(maps)
    assert torch.equal(*seen[0])

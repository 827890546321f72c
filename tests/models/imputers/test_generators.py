"""Inputs of absent modalities, predicted."""

import pytest
import torch

from mmseg_missing.fill import fill_absent
from mmseg_missing.modality import Stack
from mmseg_missing.models.imputers import (
    ConvGenerator,
    LinearGenerator,
    UNetGenerator,
)

STACK = Stack(
    [
        {'name': 'rgb'},
        {'name': 'depth', 'channels': 1},
        {'name': 'thermal', 'channels': 1},
    ]
)
KINDS = LinearGenerator, ConvGenerator, UNetGenerator
PRESENT = STACK.present(['rgb+depth+thermal', 'rgb', 'depth+thermal'])


@pytest.fixture(params=KINDS)
def start(request):
    """A generator as it begins."""
    torch.manual_seed(0)
    return request.param(STACK)


@pytest.fixture
def generator(start):
    """One that learnt something."""
    with torch.no_grad():
        for parameter in start.parameters():
            parameter.normal_(0, 0.1)
    return start


def inputs(n=3):
    torch.manual_seed(1)
    return torch.randn(n, 5, 13, 17)


@pytest.mark.parametrize('fill', ['zero', 'black', 'copy:rgb'])
def test_starts_as_the_usual_fill(start, fill):
    filled = fill_absent(inputs(), PRESENT, STACK, fill)
    assert torch.equal(start(filled, PRESENT), filled)


@torch.no_grad()
def test_what_is_there_stays_and_what_is_absent_moves(generator):
    x = inputs()
    filled = fill_absent(x, PRESENT, STACK, 'zero')
    found = generator(filled, PRESENT)
    there = PRESENT.repeat_interleave(torch.tensor([3, 1, 1]), 1)
    assert torch.equal(found[there], x[there])
    assert (found[~there] - filled[~there]).abs().amax((1, 2)).min() > 0
    assert (found - filled).abs().max() <= generator.scale


@torch.no_grad()
def test_each_sample_by_itself(generator):
    filled = fill_absent(inputs(), PRESENT, STACK, 'zero')
    together = generator(filled, PRESENT)
    for i in range(3):
        alone = generator(filled[i : i + 1], PRESENT[i : i + 1])
        torch.testing.assert_close(alone[0], together[i])


@torch.no_grad()
def test_no_fill_is_read(generator):
    """What stands in the slot beforehand is added to, never looked at."""
    filled = fill_absent(inputs(), PRESENT, STACK, 'zero')
    other = fill_absent(inputs(), PRESENT, STACK, 'black')
    step = generator(filled, PRESENT) - filled
    torch.testing.assert_close(generator(other, PRESENT) - other, step)


@torch.no_grad()
def test_depends_on_the_image(generator):
    filled = fill_absent(inputs(), PRESENT, STACK, 'zero')
    changed = filled.clone()
    changed[1, 0, 3, 4] += 5  # red of the sample that has rgb alone
    gap = generator(changed, PRESENT) - generator(filled, PRESENT)
    assert gap[1, 3:].abs().amax((1, 2)).min() > 0
    assert gap[0, 3:].abs().max() == gap[2].abs().max() == 0


@pytest.mark.parametrize(
    ('kind', 'numbers'),
    [(LinearGenerator, 24), (ConvGenerator, 8 * 9 * 16 + 16 + 16 * 9 * 5 + 5)],
)
def test_counts(kind, numbers):
    assert sum(p.numel() for p in kind(STACK).parameters()) == numbers


def test_half_precision():
    generator = ConvGenerator(STACK)
    with torch.autocast('cpu', torch.bfloat16):
        found = generator(inputs(), PRESENT)
    assert found.dtype == torch.float32


@pytest.mark.parametrize('value', [0, -1, 'much', float('nan')])
def test_bad_values_are_named(value):
    with pytest.raises((TypeError, ValueError), match=r'model\.fill\.'):
        ConvGenerator(STACK, scale=value)
    with pytest.raises((TypeError, ValueError), match=r'model\.fill\.'):
        ConvGenerator(STACK, hidden=value)

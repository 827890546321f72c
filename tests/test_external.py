"""Networks of somebody's own that fill absent modalities."""

import pytest
import torch
from torch import nn

from mmseg_missing.fill import fill_absent, parse_fill
from mmseg_missing.modality import Stack

STACK = Stack(
    [
        {'name': 'rgb', 'mean': [10.0], 'std': [2.0]},
        {'name': 'depth', 'channels': 1, 'mean': [3.0], 'std': [2.0]},
        {'name': 'thermal', 'channels': 1},
    ]
)
NAMES = 'rgb', 'rgb+depth', 'rgb+thermal', 'depth+thermal', 'rgb'
PRESENT = STACK.present(NAMES)


@pytest.fixture
def inputs():
    """With NaN in all that is absent."""
    torch.manual_seed(0)
    there = PRESENT.repeat_interleave(torch.tensor([3, 1, 1]), 1)
    there = there[:, :, None, None]
    return torch.randn(5, 5, 3, 7).masked_fill(~there, torch.nan)


class Grey(nn.Module):
    """Depth as the mean of colours; it remembers what it was asked."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.asked = []

    def forward(self, seen):
        self.asked.append({name: len(x) for name, x in seen.items()})
        assert all(x.isfinite().all() for x in seen.values())
        if 'rgb' not in seen:
            return None
        return self.weight * seen['rgb'].mean(1, keepdim=True)


def test_a_network_is_asked_for_what_is_lacking(inputs):
    network = Grey()
    found = fill_absent(inputs, PRESENT, STACK, {'depth': network})
    assert network.asked == [{'rgb': 2}, {'rgb': 1, 'thermal': 1}]
    expected = fill_absent(inputs, PRESENT, STACK, 'zero')
    for i in (0, 2, 4):
        expected[i, 3] = 2 * inputs[i, :3].mean(0)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert not found.requires_grad
    assert parse_fill(STACK, {'depth': network})['depth'] == 'external'


def test_nobody_asks_where_nothing_is_lacking(inputs):
    network = Grey()
    some = [1, 3]
    fill_absent(inputs[some], PRESENT[some], STACK, {'depth': network})
    assert not network.asked


def test_what_can_tell_nothing_leaves_zero(inputs):
    present = STACK.present('thermal')
    found = fill_absent(inputs[2:3], present, STACK, {'depth': Grey()})
    assert not found[:, :4].any()


def test_any_callable(inputs):
    found = fill_absent(
        inputs, PRESENT, STACK, {'thermal': lambda seen: seen['rgb'][:, :1]}
    )
    assert torch.equal(found[1, 4], inputs[1, 0])


def test_mixed_precision_ends_at_its_door(inputs):
    network = nn.Conv2d(3, 1, 1)
    with torch.autocast('cpu', torch.bfloat16):
        found = fill_absent(
            inputs,
            PRESENT,
            STACK,
            {'depth': lambda seen: network(seen['rgb'])},
        )
    with torch.no_grad():
        assert torch.equal(found[:1, 3:4], network(inputs[:1, :3]))


@pytest.mark.parametrize(
    ('answer', 'words'),
    [
        (torch.zeros(1, 1, 3, 7), r'shape \(2, 1, 3, 7\), got \(1, 1, 3, 7\)'),
        (torch.zeros(2, 3, 3, 7), r'got \(2, 3, 3, 7\)'),
        (torch.zeros(2, 3, 7), r'got \(2, 3, 7\)'),
        (torch.zeros(2, 1, 3, 7).double(), r'float32, got torch\.float64'),
        (torch.zeros(2, 1, 3, 7).long(), r'got torch\.int64'),
        (torch.full((2, 1, 3, 7), torch.nan), 'returned NaN'),
        (torch.full((2, 1, 3, 7), -torch.inf), 'returned NaN or infinity'),
        (0.0, 'tensor or None, got float'),
    ],
)
def test_bad_answers_are_named(inputs, answer, words):
    with pytest.raises((TypeError, ValueError), match=words) as error:
        fill_absent(inputs, PRESENT, STACK, {'depth': lambda seen: answer})
    assert "`model.fill` for 'depth'" in str(error.value)
    assert '\n' not in str(error.value)


def test_what_is_not_there_is_named(inputs):
    with pytest.raises(ValueError, match=r"asks for 'rgb'.*depth alone"):
        fill_absent(
            inputs[1:2],
            STACK.present('depth'),
            STACK,
            {'thermal': lambda seen: seen['rgb'][:, :1]},
        )


def test_other_errors_of_a_network_are_its_own(inputs):
    with pytest.raises(KeyError, match='weights'):
        fill_absent(
            inputs, PRESENT, STACK, {'depth': lambda seen: {}['weights']}
        )


@pytest.mark.parametrize(
    'fill', ['external', {'depth': 'external'}, {'depth': {'type': 'Net'}}]
)
def test_a_word_is_no_network(inputs, fill):
    with pytest.raises(ValueError, match=r'`model\.fill=dict\(\w+=dict\('):
        fill_absent(inputs, PRESENT, STACK, fill)


def test_a_network_for_all_is_refused():
    with pytest.raises(ValueError, match='fills one modality'):
        parse_fill(STACK, {'type': 'MyDepthNet'})

"""Fills to which a prediction is added."""

import pytest
import torch

from mmseg_missing.fill import fill_absent, parse_fill, usual
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


@pytest.mark.parametrize(
    ('fill', 'words', 'start'),
    [
        ('predicted', 'predicted', 'zero'),
        ('predicted:zero', 'predicted', 'zero'),
        ('predicted:black', 'predicted:black', 'black'),
        ('predicted:noise', 'predicted:noise', 'noise'),
        ('predicted:learned', 'predicted:learned', 'learned'),
        ('predicted:copy:rgb', 'predicted:copy:rgb', 'copy:rgb'),
    ],
)
def test_a_prediction_starts_from_a_fill(inputs, fill, words, start):
    parsed = parse_fill(STACK, fill)
    assert parsed['depth'] == words and usual(words) == start
    learned = {'depth': torch.ones(1)}
    found = fill_absent(inputs, PRESENT, STACK, fill, learned=learned)
    expected = fill_absent(inputs, PRESENT, STACK, start, learned=learned)
    assert torch.equal(found, expected)


def test_a_modality_starts_not_from_itself():
    found = parse_fill(STACK, 'predicted:copy:rgb')
    assert found['rgb'] == 'predicted'


@pytest.mark.parametrize(
    'fill',
    ['predicted:', 'predicted:predicted', 'predicted:grey', 'zero:black'],
)
def test_a_prediction_from_nothing_known(fill):
    with pytest.raises(ValueError, match=r'unknown fill .*`model\.fill`'):
        parse_fill(STACK, fill)


def test_a_prediction_from_no_modality():
    with pytest.raises(ValueError, match=r"unknown modality 'lidar'"):
        parse_fill(STACK, 'predicted:copy:lidar')

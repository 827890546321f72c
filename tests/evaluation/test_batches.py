"""Batches: complete ones in order, samples cut down."""

import pytest
import torch
from mmseg.structures import SegDataSample

from mmseg_missing.evaluation.batches import (
    CompleteImages,
    image_order,
    is_complete,
    restrict,
)


def sample(present=None):
    meta = {} if present is None else {'present': present}
    return SegDataSample(metainfo={**meta, 'number': 7})


def items(*has):
    return [
        {'inputs': torch.tensor(i), 'data_samples': sample(present)}
        for i, present in enumerate(has)
    ]


@pytest.mark.parametrize(
    ('present', 'expected'),
    [
        (None, True),
        ((True, True), True),
        ((True, False), False),
        (torch.tensor([True, True]), True),
        (torch.tensor([True, False]), False),
        ({'rgb': True, 'depth': True}, True),
        ({'rgb': True, 'depth': False}, False),
    ],
)
def test_complete(present, expected):
    assert is_complete(sample(present)) == expected
    assert is_complete(sample(present).to_dict()) == expected


def test_the_order_of_images_is_seeded():
    assert sorted(image_order(20, 0)) == list(range(20))
    assert image_order(20, 0) == image_order(20, 0) != image_order(20, 1)


def test_images_that_miss_something_are_left_out():
    data = items(*[(True, i % 3 > 0) for i in range(12)])
    images = CompleteImages(data, range(11, -1, -1), 2)
    assert len(images) == 6
    numbers = [[x.item() for x in batch['inputs']] for batch in images]
    assert numbers == [[11, 10], [8], [7], [5, 4], [2], [1]]
    assert numbers == [[x.item() for x in b['inputs']] for b in images]


def test_restricted_copies():
    given = [sample((True, True)), sample((True, True))]
    rgb, each = torch.tensor([True, False]), torch.eye(2, dtype=torch.bool)
    for present in (rgb, rgb[None], each):
        copies = restrict(given, present, combination='x')
        rows = [copy.present.tolist() for copy in copies]
        assert rows == present.expand(2, -1).tolist()
        assert all(c.combination == 'x' and c.number == 7 for c in copies)
    assert all(s.present == (True, True) for s in given)
    assert all('combination' not in s for s in given)

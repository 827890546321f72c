"""What samples have, in one form."""

import numpy as np
import pytest
import torch

from mmseg_missing.modality import Modality, Stack
from mmseg_missing.present import (
    as_present,
    count,
    flags_of,
    keys,
    of_samples,
    places,
)

STACK = Stack([Modality(name, channels=1) for name in ('rgb', 'depth', 'nir')])
FLAGS = [True, False, True]


@pytest.mark.parametrize(
    'flags',
    [
        FLAGS,
        tuple(FLAGS),
        torch.tensor(FLAGS),
        np.array(FLAGS),
        {'nir': True, 'rgb': True, 'depth': False},
        {'nir': True, 'rgb': True, 'depth': False, 'lidar': True},
        [1, 0, 1],
    ],
)
def test_every_old_form_is_read(flags):
    present = as_present([flags, [True] * 3], STACK)
    assert present.tolist() == [FLAGS, [True] * 3]
    assert present.dtype == torch.bool
    assert not all(flags_of(flags, STACK.names))


def test_a_tensor_stays_as_it_is():
    present = torch.tensor([FLAGS, FLAGS])
    assert as_present(present, STACK) is present


@pytest.mark.parametrize(
    'wrong',
    [
        [[False] * 3],
        [[True] * 3, [True] * 2],
        [[True] * 4],
        [[]],
        [True, True, True],
        torch.tensor([True, False, True]),
        torch.zeros(2, 3),
        torch.ones(2, 4),
        [{'rgb': True, 'depth': True}],
    ],
)
def test_what_is_refused(wrong):
    with pytest.raises(ValueError, match=r'`present` needs 3 entries for rgb'):
        as_present(wrong, STACK)


def test_samples_say_nothing_when_they_have_everything():
    metas = [{}, {'present': FLAGS}, {'present': torch.tensor(FLAGS)}]
    expected = [[True] * 3, FLAGS, FLAGS]
    assert of_samples(metas, STACK).tolist() == expected


def test_keys_and_counts():
    present = torch.tensor([FLAGS, [True] * 3, FLAGS, [False, False, True]])
    assert keys(present) == [tuple(row) for row in present.tolist()]
    assert count(present).tolist() == [0, 0, 0, 0, 1, 2, 0, 1]
    assert count(present)[places(present)].tolist() == [2, 1, 2, 1]
    every = STACK.present(STACK.subsets())
    assert sorted(places(every).tolist()) == list(range(1, 8))


def test_keys_stay_on_the_cpu():
    with torch.device('meta'):
        present = STACK.present('rgb+nir')
        assert keys(as_present([FLAGS], STACK)) == keys(present)
        assert count(present).sum() == 1

"""One pass over a tensor tells what `isfinite().all()` does."""

import pytest
import torch

from mmseg_missing.finite import is_finite


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.double])
def test_one_bad_number_anywhere(bad, dtype):
    for place in range(35):
        x = torch.ones(5, 7, dtype=dtype)
        assert is_finite(x)
        x.view(-1)[place] = bad
        assert not is_finite(x) and not is_finite(x.T)


def test_what_cannot_be_infinite():
    assert is_finite(torch.zeros(0)) and is_finite(torch.ones(3).long())


def test_extremes_are_finite():
    largest = torch.finfo(torch.float32).max
    assert is_finite(torch.tensor([-largest, largest], requires_grad=True))

"""Shared by all tests."""

from pathlib import Path

import pytest
import torch

# Tiny tensors gain nothing from threads, and sums keep their order.
torch.set_num_threads(1)


@pytest.fixture
def golden_dir():
    """Reference outputs of published code, which stay outside the project."""
    path = Path(__file__).parents[2] / 'shared' / 'golden'
    if not path.is_dir():
        pytest.skip(f'no reference outputs in {path}')
    return path

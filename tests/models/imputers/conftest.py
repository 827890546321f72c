"""Generators of every kind, and numbers that are not at their start."""

import pytest
import torch

from mmseg_missing.models.imputers import (
    ConvGenerator,
    LinearGenerator,
    UNetGenerator,
)


@pytest.fixture(params=(LinearGenerator, ConvGenerator, UNetGenerator))
def kind(request):
    return request.param


@pytest.fixture
def stir():
    """Return a function that draws all parameters of a module anew."""

    @torch.no_grad()
    def stir(module):
        torch.manual_seed(1)
        for parameter in module.parameters():
            parameter.normal_(0, 0.1)
        return module

    return stir

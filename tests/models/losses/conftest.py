"""Outputs of a teacher and a student."""

import pytest
import torch

from mmseg_missing.models.losses import Output


@pytest.fixture
def make_output():
    """Return a function that draws logits and two levels of features."""

    def make(seed, n=2, classes=3, size=(5, 7)):
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape):
            x = torch.randn(shape, generator=generator)
            return x.requires_grad_()

        height, width = size
        levels = (draw(n, 4, *size), draw(n, 6, height // 2, width // 2))
        return Output(levels, draw(n, classes, *size))

    return make


@pytest.fixture
def labels():
    """(2, 11, 13): every class and void, at another size than the logits."""
    return torch.arange(2 * 11 * 13).view(2, 11, 13).remainder(4).sub(1) % 256

"""Class weights and void pixels, and what is refused."""

import pytest
import torch
import torch.nn.functional as F
from mmseg.models.losses import CrossEntropyLoss

from mmseg_missing.models.losses import mend_cross_entropy

N, C, H, W = 2, 3, 5, 7
WEIGHTS = [1.0, 2.0, 0.5]


@pytest.fixture
def scores():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N, C, H, W, generator=generator)


@pytest.fixture
def labels():
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, C, (N, H, W), generator=generator)
    labels[0, :2], labels[1, 3, 4] = 255, 255
    return labels


def mended(**settings):
    loss = CrossEntropyLoss(**settings)
    mend_cross_entropy(loss)
    return loss


@pytest.mark.parametrize('avg_non_ignore', [True, False])
def test_class_weight_with_void_pixels(scores, labels, avg_non_ignore):
    """MMSegmentation's own ends in an IndexError."""
    loss = mended(class_weight=WEIGHTS, avg_non_ignore=avg_non_ignore)
    weight = torch.tensor(WEIGHTS)
    expected = F.cross_entropy(scores, labels, weight, ignore_index=255)
    torch.testing.assert_close(
        loss(scores, labels, ignore_index=255), expected
    )


@pytest.mark.parametrize('avg_non_ignore', [True, False])
@pytest.mark.parametrize('use_sigmoid', [True, False])
def test_bits_without_class_weight(
    scores, labels, avg_non_ignore, use_sigmoid
):
    settings = {'avg_non_ignore': avg_non_ignore, 'use_sigmoid': use_sigmoid}
    ours = mended(**settings)(scores, labels, ignore_index=255)
    theirs = CrossEntropyLoss(**settings)(scores, labels, ignore_index=255)
    assert torch.equal(ours, theirs)


def test_class_weight_of_sigmoids(scores, labels):
    loss = mended(use_sigmoid=True, class_weight=WEIGHTS, avg_non_ignore=True)
    one_hot = F.one_hot(labels.clamp(max=C), C + 1)[..., :C]
    each = F.binary_cross_entropy_with_logits(
        scores.movedim(1, -1),
        one_hot.float(),
        pos_weight=torch.tensor(WEIGHTS),
        reduction='none',
    )
    expected = each[labels != 255].mean()
    torch.testing.assert_close(
        loss(scores, labels, ignore_index=255), expected
    )


def test_void_alone_is_no_loss(scores):
    labels = torch.full((N, H, W), 255)
    for weights in (None, WEIGHTS):
        loss = mended(class_weight=weights, avg_non_ignore=True)
        assert loss(scores, labels, ignore_index=255) == 0

from math import log

import pytest
import torch

from mmseg_missing.models.losses import LogitKL, Output

# Probabilities 3/4 and 1/4 at T = 1; roots of the odds at T = 2.
UNSURE = torch.tensor([log(3.0), 0.0])
EVEN = torch.zeros(2)


def row(*pixels):
    """An output of one image whose pixels lie in a row."""
    return Output((), torch.stack(pixels, 1)[None, :, None])


def divergence(p, q):
    return sum(a * log(a / b) for a, b in zip(p, q, strict=True))


@pytest.mark.parametrize('temperature', [1, 2])
def test_by_hand(temperature):
    odds = 3 ** (1 / temperature)
    p = odds / (1 + odds), 1 / (1 + odds)
    expected = temperature**2 * divergence(p, (0.5, 0.5))
    loss = LogitKL(temperature, confidence=0, loss_weight=1)
    labels = torch.full((1, 1, 1), 255)
    found = loss(row(EVEN), row(UNSURE), labels)
    torch.testing.assert_close(found, torch.tensor(expected))


def test_it_is_the_teacher_that_weighs():
    """KL(teacher, student), not the other way round."""
    loss = LogitKL(1, confidence=0, loss_weight=1)
    labels = torch.full((1, 1, 1), 255)
    found = loss(row(UNSURE), row(EVEN), labels)
    expected = divergence((0.5, 0.5), (0.75, 0.25))
    torch.testing.assert_close(found, torch.tensor(expected))
    assert abs(found - divergence((0.75, 0.25), (0.5, 0.5))) > 1e-2


def test_valid_pixels():
    """Right or confident; without a label confidence alone."""
    sure = torch.tensor([log(9.0), 0.0])  # 0.9 for class 0
    logits = row(UNSURE, UNSURE, sure, sure, UNSURE).logits
    labels = torch.tensor([[[0, 1, 1, 255, 255]]])
    valid = LogitKL(confidence=0.8).valid(logits, labels)
    assert valid.tolist() == [[[True, False, True, True, False]]]
    assert LogitKL(confidence=0).valid(logits, labels).all()


def test_mean_over_valid_pixels():
    loss = LogitKL(1, confidence=0.8, loss_weight=1)
    teacher = row(UNSURE, UNSURE, UNSURE)
    labels = torch.tensor([[[0, 1, 255]]])
    expected = divergence((0.75, 0.25), (0.5, 0.5))
    found = loss(row(EVEN, EVEN, EVEN), teacher, labels)
    torch.testing.assert_close(found, torch.tensor(expected))


def test_no_valid_pixel():
    student = row(EVEN)
    student.logits.requires_grad_()
    found = LogitKL()(student, row(UNSURE), torch.ones(1, 1, 1))
    found.backward()
    assert found == 0 and not student.logits.grad.any()


def test_labels_are_brought_to_the_logits():
    labels = torch.tensor([[[0, 1, 0, 1, 0, 1]] * 3])
    valid = LogitKL().valid(row(UNSURE, UNSURE).logits, labels)
    assert valid.tolist() == [[[False, True]]]


def test_one_logit_for_two_classes():
    """A softmax over it is 1 everywhere: nothing would be learnt."""
    one = Output((), torch.ones(1, 1, 2, 2))
    with pytest.raises(ValueError, match=r'decode_head\.out_channels'):
        LogitKL()(one, one, torch.zeros(1, 2, 2))

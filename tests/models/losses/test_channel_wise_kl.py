from math import log

import pytest
import torch

from mmseg_missing.models.losses import ChannelWiseKL, Output


def output(values):
    return Output((), torch.tensor(values))


@pytest.mark.parametrize('tau', [1, 2])
def test_by_hand(tau):
    """Two classes, two positions: one class differs, one does not."""
    teacher = output([[[[tau * log(3.0), 0.0]], [[5.0, 5.0]]]])
    student = output([[[[1.0, 1.0]], [[-2.0, -2.0]]]])
    divergence = 0.75 * log(0.75 / 0.5) + 0.25 * log(0.25 / 0.5)
    expected = tau**2 * (divergence + 0) / 2
    loss = ChannelWiseKL(tau, loss_weight=1)
    found = loss(student, teacher, torch.zeros(1, 1, 2))
    torch.testing.assert_close(found, torch.tensor(expected))


def test_a_constant_per_class_says_nothing(make_output, labels):
    """It normalises over space: how likely a class is does not count."""
    student, teacher = make_output(0), make_output(1)
    loss = ChannelWiseKL()
    shift = torch.tensor([1.0, -2.0, 3.0])[:, None, None]
    shifted = student._replace(logits=student.logits + shift)
    torch.testing.assert_close(
        loss(shifted, teacher, labels), loss(student, teacher, labels)
    )


def test_twice_the_batch_is_the_same_loss(make_output, labels):
    student, teacher = make_output(0), make_output(1)

    def twice(found):
        return found._replace(logits=torch.cat([found.logits] * 2))

    loss = ChannelWiseKL()
    torch.testing.assert_close(
        loss(twice(student), twice(teacher), labels),
        loss(student, teacher, labels),
    )

import pytest
import torch

from mmseg_missing.models.losses import FeatureMSE, Output
from mmseg_missing.models.losses.distillation import standardised_mse


def test_by_hand():
    """Errors of one spread each, whatever the unit of the channel."""
    teacher = torch.tensor([[[[0.0, 2.0]], [[0.0, 20.0]]]])  # std 1 and 10
    student = teacher + torch.tensor([3.0, 10.0]).view(1, 2, 1, 1)
    found = standardised_mse(student, teacher)
    torch.testing.assert_close(found, torch.tensor((3**2 + 1**2) / 2))


def test_dead_channel_does_not_outweigh_the_others():
    """Its unit is a tenth of the mean spread, here (2 + 0) / 2."""
    teacher = torch.tensor([[[[0.0, 4.0]], [[7.0, 7.0]]]])
    student = teacher + torch.tensor([0.0, 0.5]).view(1, 2, 1, 1)
    found = standardised_mse(student, teacher)
    torch.testing.assert_close(found, torch.tensor((0 + (0.5 / 0.1) ** 2) / 2))


def test_dead_level():
    dead = torch.ones(1, 2, 3, 3)
    assert standardised_mse(dead, dead) == 0


def test_levels_add_up(make_output, labels):
    student, teacher = make_output(0), make_output(1)

    def loss(levels):
        return FeatureMSE(levels)(student, teacher, labels)

    torch.testing.assert_close(loss(None), loss([0]) + loss([1]))
    assert loss([0]) != loss([1])


@pytest.mark.parametrize('levels', [[2], []])
def test_wrong_levels(make_output, labels, levels):
    with pytest.raises(ValueError, match=r'`levels`.*0\.\.1'):
        FeatureMSE(levels)(make_output(0), make_output(1), labels)


def test_logits_do_not_count(make_output, labels):
    student, teacher = make_output(0), make_output(1)
    other = Output(student.features, -student.logits)
    loss = FeatureMSE()
    assert loss(other, teacher, labels) == loss(student, teacher, labels)

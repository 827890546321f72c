"""What holds for every loss against a teacher."""

import pytest
import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

from mmseg_missing.models.losses import Output

LOSSES = ('LogitKL', 'ChannelWiseKL', 'FeatureMSE')


def build(name, **settings):
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build({'type': name, **settings})


@pytest.fixture(params=LOSSES)
def loss(request):
    return build(request.param, loss_weight=1.0)


def test_equal_outputs_lose_nothing(loss, make_output, labels):
    student, teacher = make_output(0), make_output(0)
    found = loss(student, teacher, labels)
    torch.testing.assert_close(found, torch.tensor(0.0), rtol=0, atol=1e-6)
    found.backward()
    used = [
        x for x in (*student.features, student.logits) if x.grad is not None
    ]
    assert used
    for x in used:
        torch.testing.assert_close(
            x.grad, torch.zeros_like(x), rtol=0, atol=1e-6
        )


def test_only_the_student_learns(loss, make_output, labels):
    student, teacher = make_output(0), make_output(1)
    found = loss(student, teacher, labels)
    assert found > 0
    found.backward()
    assert any(x.grad is not None for x in (*student.features, student.logits))
    assert all(x.grad is None for x in (*teacher.features, teacher.logits))


def test_a_step_brings_the_student_nearer(loss, make_output, labels):
    student, teacher = make_output(0), make_output(1)
    before = loss(student, teacher, labels)
    before.backward()

    def step(x):
        return x if x.grad is None else x - 1e-2 * x.grad

    moved = Output(tuple(map(step, student.features)), step(student.logits))
    assert loss(moved, teacher, labels) < before


def test_order_of_samples_does_not_count(loss, make_output, labels):
    student, teacher = make_output(0), make_output(1)

    def swap(output):
        return Output(
            tuple(x.flip(0) for x in output.features), output.logits.flip(0)
        )

    torch.testing.assert_close(
        loss(swap(student), swap(teacher), labels.flip(0)),
        loss(student, teacher, labels),
    )


def test_weight(loss, make_output, labels):
    student, teacher = make_output(0), make_output(1)
    heavy = build(type(loss).__name__, loss_weight=3.0)
    expected = 3 * loss(student, teacher, labels)
    torch.testing.assert_close(heavy(student, teacher, labels), expected)


def test_half_precision(loss, make_output, labels):
    student, teacher = make_output(0), make_output(1)

    def half(output):
        return Output(
            tuple(x.bfloat16() for x in output.features),
            output.logits.bfloat16(),
        )

    found = loss(half(student), half(teacher), labels)
    assert found.dtype == torch.float32
    expected = loss(student, teacher, labels)
    # bfloat16 keeps eight bits of the inputs.
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.01)


def test_names_tell_that_they_are_losses():
    names = [build(name).loss_name for name in LOSSES]
    assert names == ['loss_kl', 'loss_cwd', 'loss_feature']
    assert build('LogitKL', loss_name='loss_soft').loss_name == 'loss_soft'


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        (
            {'type': 'LogitKL', 'temperature': 0},
            'temperature` must be above 0',
        ),
        ({'type': 'LogitKL', 'confidence': 1.5}, r'confidence`.*1\.5'),
        ({'type': 'ChannelWiseKL', 'tau': -1}, 'tau` must be above 0'),
    ],
)
def test_wrong_numbers(settings, words):
    with pytest.raises(ValueError, match=words):
        build(settings.pop('type'), **settings)

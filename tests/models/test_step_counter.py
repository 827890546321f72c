"""Draws go on in a Runner, after one, and without one."""

import pytest
import torch
from mmengine.logging import MessageHub

from mmseg_missing.modality import Modality, Stack
from mmseg_missing.models.segmentors.step_counter import StepCounter

STACK = Stack([Modality('rgb'), Modality('depth', channels=1)])


@pytest.fixture(autouse=True)
def hub(forgetting):
    with forgetting():
        yield MessageHub.get_current_instance()


def test_it_counts_alone(hub):
    counter = StepCounter(STACK)
    assert [counter.next() for _ in range(4)] == [0, 1, 2, 3]


def test_it_follows_a_runner_and_goes_on_after_it(hub):
    counter, found = StepCounter(STACK), []
    for iteration in (7, 8, 9):  # resumed at 7
        hub.update_info('iter', iteration)
        found.append(counter.next())
    assert found == [7, 8, 9]
    assert [counter.next() for _ in range(3)] == [10, 11, 12]


def test_every_row_is_drawn_in_a_loop_of_ones_own(
    make_segmentor, inputs, make_samples
):
    model = make_segmentor(adapter={'type': 'ScaleShift'})
    drawn = []
    for _ in range(4):
        model.loss(inputs[:1], make_samples([(True, True)]))
        drawn += model.stack.names_of(model.drawn)
    assert drawn == ['rgb', 'depth'] * 2
    assert model.adapters.samples_seen.tolist() == [2, 2]
    assert model.steps.seen == {'rgb': 2, 'depth': 2}


def test_a_validation_loss_is_no_step(make_segmentor, inputs, make_samples):
    model = make_segmentor(adapter={'type': 'ScaleShift'})
    one = inputs[:1], make_samples([(True, True)])
    model.loss(*one)
    with torch.no_grad():
        model.loss(*one)
    model.loss(*one)
    assert model.stack.names_of(model.drawn) == ['depth']
    assert model.steps.seen == {'rgb': 1, 'depth': 1}

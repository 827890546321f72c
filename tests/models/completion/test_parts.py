"""Each part of a completion by itself."""

import math

import pytest
import torch
from mmengine.logging import MessageHub

from mmseg_missing.modality import Stack
from mmseg_missing.models.completion import (
    CoDistillation,
    FeatureMoments,
    MaskedCompletion,
)
from mmseg_missing.models.imputers import ConvGenerator
from mmseg_missing.models.losses import Output
from mmseg_missing.models.utils.stream_levels import Shown

STACK = Stack([{'name': 'rgb'}, {'name': 'depth', 'channels': 1}])
FULL, RGB = STACK.present(['rgb+depth', 'rgb'])


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def masked(**settings):
    generator = ConvGenerator(STACK, **settings.pop('generator', {}))
    return MaskedCompletion(generator, 3, **settings)


def test_only_what_is_hidden_and_there_counts():
    completion = masked(ratio=0.0, generator={'scale': 1e-9})
    known = torch.randn(2, 4, 5, 7)
    there = torch.stack([FULL, RGB])
    filled = known.clone()
    filled[:, 3:] = 0
    loss = completion.reconstruct(known, there, filled, there & RGB)
    [value] = loss.values()
    torch.testing.assert_close(value, known[0, 3].square().mean())
    loss = completion.reconstruct(known, there, known, there)
    assert loss == {'completion.loss_mse': 0}  # nothing is hidden


def test_holes_do_not_count():
    completion = masked(ratio=0.0, generator={'holes': {'depth': 0.0}})
    known = torch.randn(1, 4, 5, 7)
    known[:, 3, :, 3] = 0.0
    filled = known.clone()
    filled[:, 3:] = 0
    loss = completion.reconstruct(known, FULL[None], filled, RGB[None])
    found = completion.generator(filled, RGB[None])[:, 3]
    measured = [i for i in range(7) if i != 3]
    error = (found - known[:, 3])[..., measured].square().mean()
    torch.testing.assert_close(loss['completion.loss_mse'], error)


def test_patches_hide_their_content():
    completion = masked(ratio=0.5, patch=3)
    x = torch.randn(2, 4, 8, 10)
    there = torch.stack([FULL, FULL])
    hidden = completion._patches(there, x.shape[2:])
    assert hidden.shape == (2, 2, 8, 10)
    assert 0 < hidden.float().mean() < 1
    for row in (slice(0, 3), slice(3, 6), slice(6, 8)):  # whole patches
        block = hidden[:, :, row, 3:6].flatten(2)
        assert (block == block[..., :1]).all()
    seen = []
    completion.generator.predict = lambda x, planes: seen.append(x) or x * 0
    completion.reconstruct(x, there, x, there)
    zero = (seen[0] == 0).float().mean()
    assert 0.3 < zero < 0.7


def test_moments_against_numbers_by_hand():
    moments = FeatureMoments(2, 3, [4], momentum=0.75, least=2, weight=1.0)
    labels = torch.tensor([[[0, 0], [1, 255]]] * 2)
    level = torch.zeros(2, 4, 2, 2)
    level[0, :, 0] = torch.tensor([1.0, 3.0])  # of class 0: mean 2, spread 1
    level[1, :, 0] = torch.tensor([4.0, 6.0])  # completed: mean 5
    there = STACK.present(['rgb+depth', 'rgb'])
    streams = [Shown(1, [0, 1], [level])]
    assert moments(streams, there, there, labels) == 0  # knew nothing yet
    assert moments.known.tolist() == [[False] * 3, [True, False, False]]
    torch.testing.assert_close(moments.mean[1, 0], torch.full((4,), 2.0))
    torch.testing.assert_close(moments.variance[1, 0], torch.ones(4))
    loss = moments(streams, there, there, labels)
    torch.testing.assert_close(loss, torch.tensor(9 / 2))
    level[0, :, 0] += 4  # mean 6
    moments(streams, there, there, labels)
    torch.testing.assert_close(moments.mean[1, 0], torch.full((4,), 3.0))
    hidden = there & RGB  # what is there and not shown tells nothing
    before = moments.mean.clone()
    moments(streams, there, hidden, labels)
    assert torch.equal(moments.mean, before)


def test_spread_counts_when_asked_for():
    moments = FeatureMoments(2, 3, [4], least=2, eta=2.0, weight=1.0)
    moments.known[:] = True
    labels = torch.zeros(1, 2, 2, dtype=torch.long)
    level = torch.tensor([-2.0, 2.0]).expand(1, 4, 2, 2)  # variance 4
    there = STACK.present(['rgb'])
    loss = moments([Shown(1, [0], [level])], there, there, labels)
    torch.testing.assert_close(loss, torch.tensor(3 - math.log(4)))


def test_samples_beyond_the_step_do_not_count():
    moments = FeatureMoments(2, 3, [4], least=2)
    labels = torch.zeros(1, 2, 2, dtype=torch.long)
    level = torch.randn(3, 4, 2, 2)
    there = STACK.present(['rgb'])
    moments([Shown(0, [0, 1, 2], [level])], there, there, labels)
    torch.testing.assert_close(moments.mean[0, 0], level[0].flatten(1).mean(1))


def test_each_direction_has_its_student():
    both = CoDistillation(confidence=0.0, ramp=0.0)
    ours, theirs = torch.randn(2, 2, 3, 4, 4).requires_grad_()
    ours, theirs = ours.detach(), theirs.detach()
    labels = torch.zeros(2, 4, 4, dtype=torch.long)
    for logits in (ours, theirs):
        logits.requires_grad_()
        loss = both(Output((), ours), Output((), theirs), labels, 0)
        [gradient] = torch.autograd.grad(loss, logits)
        assert gradient.abs().max() > 0
        logits.requires_grad_(False)
    same = both(Output((), ours), Output((), ours.clone()), labels, 0)
    assert abs(float(same)) < 1e-6


def test_the_weight_grows_over_a_third():
    both, hub = CoDistillation(), MessageHub.get_current_instance()
    before = hub.get_info('max_iters', None)
    try:
        hub.update_info('max_iters', 30)
        risen = [both.risen(step) for step in (0, 5, 10, 29)]
        hub.update_info('max_iters', None)
        assert both.risen(0) == 1.0
    finally:
        hub.update_info('max_iters', before)
    assert risen == [0.0, 0.5, 1.0, 1.0]


def gather(rank, moments, level, labels, there):
    streams = [Shown(1, [0], [level[rank, None]])]
    moments(streams, there[:1], there[:1], labels[rank, None])
    return moments.state_dict()


def test_two_processes_know_what_one_does(in_two_processes):
    """A class that is too rare in each is known by both."""
    moments = FeatureMoments(2, 3, [4], least=3)
    level = torch.randn(2, 4, 2, 2)
    labels = torch.tensor([[[0, 0], [1, 1]]] * 2)
    there = STACK.present(['rgb+depth'] * 2)
    states = in_two_processes(gather, moments, level, labels, there)
    moments([Shown(1, [0, 1], [level])], there, there, labels)
    expected = moments.state_dict()
    assert expected['known'].tolist() == [[False] * 3, [True, True, False]]
    for found in states:
        torch.testing.assert_close(found, expected)

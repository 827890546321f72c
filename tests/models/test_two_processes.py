"""Two processes learn what one does from the same images."""

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
# Of four images: two for each process. What a sample lacks is all that its
# student can lack, so that draws are the same.
PRESENT = [RGB, DEPTH, DEPTH, RGB]
TEACHER = [
    {'type': 'LogitKL', 'confidence': 0.5},
    {'type': 'ChannelWiseKL'},
    {'type': 'FeatureMSE'},
]
AUXILIARY = {
    'type': 'FCNHead',
    'in_channels': 32,
    'in_index': 2,
    'channels': 8,
    'num_classes': 3,
    'align_corners': False,
    'norm_cfg': {'type': 'BN'},
    'loss_decode': {'type': 'CrossEntropyLoss', 'avg_non_ignore': True},
}


class Loss(torch.nn.Module):
    """The sum of a segmentor's losses."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, inputs, samples):
        losses = self.model(inputs, samples, 'loss')
        return sum(v for key, v in losses.items() if 'loss' in key)


def gradients(model):
    named = model.named_parameters()
    return {
        name.removeprefix('module.'): p.grad
        for name, p in named
        if p.requires_grad and p.grad is not None
    }


def learn(rank, loss, inputs, samples):
    mine = slice(2 * rank, 2 * rank + 2)
    network = DistributedDataParallel(loss, find_unused_parameters=True)
    network(inputs[mine], samples[mine]).backward()
    return gradients(network)


@pytest.fixture
def make_loss(make_segmentor, make_config, train_rows):
    """Return a function that gives the losses of an adapted network."""

    def make(class_weight=None, **settings):
        head = make_config('one resnet')['decode_head']
        head.update(dropout_ratio=0.0)
        head['loss_decode']['class_weight'] = class_weight
        model = make_segmentor(
            'one resnet',
            adapter={'type': 'ScaleShift'},
            teacher=TEACHER,
            decode_head=head,
            auxiliary_head={**AUXILIARY, 'dropout_ratio': 0.0},
            **settings,
        )
        return Loss(train_rows(model).train())

    return make


@pytest.fixture
def samples(make_samples):
    """Images of which the first process has many void pixels."""
    samples = make_samples(PRESENT)
    samples[0].gt_sem_seg.data[:] = 255
    samples[1].gt_sem_seg.data[:, :20] = 255
    return samples


@pytest.mark.parametrize('class_weight', [None, [1.0, 3.0, 0.5]])
def test_gradients_of_rows(in_two_processes, make_loss, samples, class_weight):
    """They were 1 % of the rows' size apart where void pixels differ."""
    expected = check_processes(
        in_two_processes, make_loss(class_weight), samples
    )
    assert {'model.adapters.rows.table.rgb'} < set(expected)


@pytest.mark.parametrize('fill', ['predicted', {'depth': 'predicted'}])
def test_gradients_of_a_generator(
    in_two_processes, make_loss, make_samples, fill
):
    """A process none of whose samples lacks depth uses none, and waits."""
    loss = make_loss(fill=fill, generator='conv')
    draws = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in loss.model.generator.parameters():
            parameter.normal_(0, 0.1, generator=draws)
    samples = make_samples([RGB, RGB, DEPTH, DEPTH])
    expected = check_processes(in_two_processes, loss, samples)
    names = {f'model.{n}' for n, _ in loss.model.named_parameters()}
    assert {n for n in names if '.predictors.' in n} < set(expected)


def check_processes(in_two_processes, loss, samples):
    """Return the gradients that two processes and one agree on.

    In float64: where a ReLU is at its bend, float32 may take either side.
    """
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(4, 4, 32, 64, generator=generator).double()
    loss.double()
    both = in_two_processes(learn, loss, inputs, samples)
    loss(inputs, samples).backward()
    expected = gradients(loss)
    for found in both:
        for name, gradient in expected.items():
            torch.testing.assert_close(
                found[name], gradient, rtol=1e-4, atol=1e-5
            )
    return expected

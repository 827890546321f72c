"""Training that lacks modalities from its first step on."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

from mmseg_missing.models.utils.first_biases import give_first_biases

RGB, DEPTH = (True, False), (False, True)
# Streams that meet at their ends, and that exchange from the first level on.
DEEP = ['mit streams', 'cmnext', 'cmx', 'mmsformer']


def started(config):
    """A network as a Runner starts it."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(ConfigDict(config))
    model.init_weights()
    return model.train()


def largest_gradient(model, inputs, samples):
    losses = model.loss(inputs, samples)
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    return max(float(gradient.abs().max()) for gradient in gradients)


@pytest.mark.parametrize('network', DEEP)
def test_first_gradients_are_of_usual_size(
    network, make_config, inputs, make_samples
):
    """Zeros through norms without a bias gave 1e6 and more, or NaN."""
    model = started(make_config(network, sampler='uniform'))
    samples = make_samples([RGB, DEPTH])
    assert largest_gradient(model, inputs, samples) < 100


def test_a_network_that_sees_everything_starts_as_ever(make_config):
    """Nothing is added, and no draw is used up."""
    plain = started(make_config('mit streams')).state_dict()
    after = torch.rand(1)
    woken = started(make_config('mit streams', sampler='uniform'))
    assert torch.equal(torch.rand(1), after)
    changed = [
        name
        for name, value in woken.state_dict().items()
        if not torch.equal(value, plain[name])
    ]
    assert len(changed) == 2  # a first layer per modality
    assert all(name.endswith('projection.bias') for name in changed)


def test_weights_that_have_biases_stay(make_config):
    model = started(make_config('mit streams', sampler='uniform'))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    give_first_biases(model.backbone, 4)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert model.backbone.training

"""Laws of a network that completes its input."""

import copy

import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
ALL = {'distribution': {'least': 2}, 'distillation': {'ramp': 0}}
PARTS = {
    'masked': {},
    'moments': {'distribution': {'least': 2}},
    'distilled': {'distillation': {'ramp': 0}},
    'all': ALL,
}
MIT = {
    'type': 'MixVisionTransformer',
    'embed_dims': 8,
    'num_layers': [1, 1, 1, 1],
    'num_heads': [1, 1, 2, 2],
    'drop_path_rate': 0.0,
}
SHARED = (
    {'type': 'SharedStreamBackbone', 'backbone': MIT, 'in_channels': [3, 1]},
    [8, 8, 16, 16],
)
NETWORKS = {'streams': 'mit streams', 'shared': SHARED}


@pytest.fixture(autouse=True)
def first_iteration():
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', 0)
    hub.update_info('max_iters', None)
    torch.manual_seed(0)


@pytest.fixture(params=NETWORKS)
def kind(request):
    return NETWORKS[request.param]


@pytest.fixture
def make(make_segmentor, make_config):
    """Return a function that gives a network that completes, in training."""

    def make(network='resnet streams', parts='all', **settings):
        head = make_config(network)['decode_head']
        head['dropout_ratio'] = 0.0
        model = make_segmentor(
            network,
            fill=settings.pop('fill', 'predicted'),
            decode_head=head,
            completion={**PARTS[parts], **settings.pop('completion', {})},
            **settings,
        )
        return model.train()

    return make


def losses_of(model, inputs, samples):
    """Return the losses and all gradients of a step."""
    model.zero_grad()
    torch.manual_seed(3)
    MessageHub.get_current_instance().update_info('iter', 0)
    losses = model.loss(inputs, samples)
    losses = {k: v for k, v in losses.items() if 'loss' in k}
    sum(losses.values()).backward()
    return losses, [p.grad for p in model.parameters()]


@torch.no_grad()
def test_full_input_is_the_network_without_it(
    make, make_segmentor, kind, inputs, make_samples
):
    model = make(kind).eval()
    plain = make_segmentor(kind)
    found = plain.load_state_dict(model.state_dict(), strict=False)
    assert not found.missing_keys
    assert all(k.startswith('completion.') for k in found.unexpected_keys)
    assert torch.equal(model(inputs), plain(inputs))
    samples = make_samples([FULL, RGB])
    ours, theirs = model(inputs, samples), plain(inputs, samples)
    torch.testing.assert_close(ours[0], theirs[0])
    assert not torch.allclose(ours[1], theirs[1])


@torch.no_grad()
def test_a_network_sees_what_completes_it(make, kind, inputs, make_samples):
    """And its image alone: that of another one is another result."""
    model = make(kind).eval()
    present = model.stack.present(['rgb', 'depth'])
    samples = make_samples([RGB, DEPTH])
    spoilt = inputs.clone()
    spoilt[0, 3:] = spoilt[1, :3] = torch.nan
    filled = model.filled(spoilt, present, [s.metainfo for s in samples])
    completed = model.completion.generator(filled, present)
    found = model(spoilt, samples)
    torch.testing.assert_close(found, model(completed))
    shuffled = completed.clone()
    shuffled[0, 3:], shuffled[1, :3] = completed[1, 3:], completed[0, :3]
    assert not torch.allclose(found, model(shuffled))


@pytest.mark.parametrize('sampler', ['full', 'size_first'])
def test_absent_training_data_have_no_influence(
    make, kind, inputs, make_samples, sampler
):
    samples = make_samples([RGB, DEPTH])
    model = make(kind, sampler=sampler)
    before = copy.deepcopy(model)
    losses, gradients = losses_of(model, inputs, samples)
    assert losses['completion.loss_mse'] > 0
    other = inputs.clone()
    other[0, 3:], other[1, :3] = torch.nan, 7.0
    again, same = losses_of(before, other, samples)
    assert {k: float(v) for k, v in losses.items()} == {
        k: float(v) for k, v in again.items()
    }
    assert any(g is not None and g.any() for g in gradients)
    for ours, theirs in zip(gradients, same):
        assert (ours is None and theirs is None) or torch.equal(ours, theirs)
    for name, state in model.state_dict().items():
        assert torch.equal(state, before.state_dict()[name])


@pytest.mark.parametrize('parts', PARTS)
def test_everything_learns(make, kind, inputs, make_samples, parts):
    """From unpaired data too: no sample has both."""
    model = make(kind, parts)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    history = []
    samples = make_samples([RGB, DEPTH])
    for sample in samples:  # something to learn
        sample.gt_sem_seg.data = sample.gt_sem_seg.data * 0 + 1
        sample.gt_sem_seg.data[:, :, 32:] = 2
    for _ in range(12):
        losses, _ = losses_of(model, inputs, samples)
        optimizer.step()
        history.append({k: float(v) for k, v in losses.items()})
    fell = {k: history[-1][k] < history[0][k] for k in history[0]}
    assert fell.pop('decode.loss_ce')
    assert fell.pop('completion.loss_mse')
    assert fell.pop('plain.decode.loss_ce', True)
    assert ('completion.loss_kl' in fell) == ('distillation' in PARTS[parts])
    assert ('completion.loss_moments' in fell) == (
        'distribution' in PARTS[parts]
    )


def test_reconstruction_gets_better_where_sensors_agree(make, make_samples):
    """Depth that is the mean of red, green and blue can be told from it."""
    torch.manual_seed(5)
    coarse = torch.randn(4, 3, 4, 8)
    rgb = nn.functional.interpolate(coarse, size=(32, 64))
    inputs = torch.cat([rgb, rgb.mean(1, keepdim=True)], 1)
    model = make(
        parts='masked',
        completion={'alone': 99, 'ratio': 0.0},
        sampler={'type': 'round_robin', 'combinations': ['rgb']},
    )
    for layer in model.completion.modules():
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
    optimizer = torch.optim.Adam(model.completion.parameters(), 1e-2)
    first = None
    for _ in range(40):
        losses, _ = losses_of(model, inputs, make_samples([FULL] * 4))
        optimizer.step()
        first = first or float(losses['completion.loss_mse'])
    assert losses['completion.loss_mse'] < 0.5 * first


def test_alone_leaves_the_network_as_it_is(make, inputs, make_samples):
    model = make(completion={'alone': 1})
    before = copy.deepcopy(model.state_dict())
    losses, _ = losses_of(model, inputs, make_samples([FULL, RGB]))
    assert list(losses) == ['completion.loss_mse']
    torch.optim.SGD(model.parameters(), 0.1).step()
    moved = {
        name
        for name, state in model.state_dict().items()
        if not torch.equal(state, before[name])
    }
    assert moved
    assert all(name.startswith('completion.generator.') for name in moved)
    MessageHub.get_current_instance().update_info('iter', 1)
    losses = model.loss(inputs, make_samples([FULL, RGB]))
    assert 'decode.loss_ce' in losses


def test_half_precision(make, kind, inputs, make_samples):
    model = make(kind)
    with torch.autocast('cpu', torch.bfloat16):
        losses, gradients = losses_of(model, inputs, make_samples([RGB, FULL]))
    assert all(value.isfinite() for value in losses.values())
    assert all(g is None or g.isfinite().all() for g in gradients)


def test_the_moments_are_kept(make, inputs, make_samples):
    """A checkpoint goes on where it stopped."""
    model = make()
    losses_of(model, inputs, make_samples([FULL, RGB]))
    state = model.state_dict()
    assert state['completion.distribution.known'].any()
    other = make()
    other.load_state_dict(state)
    samples = make_samples([RGB, RGB])
    ours, _ = losses_of(model, inputs, samples)
    theirs, _ = losses_of(other, inputs, samples)
    assert ours['completion.loss_moments'] > 0
    assert torch.equal(
        ours['completion.loss_moments'], theirs['completion.loss_moments']
    )
    with torch.no_grad():  # a validation loss teaches nothing
        before = model.completion.distribution.mean.clone()
        model.loss(inputs, samples)
    assert torch.equal(model.completion.distribution.mean, before)


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'completion': {'ratio': 1.5}}, r'completion\.ratio.*below 1'),
        ({'completion': {'ratio': -0.1}}, r'completion\.ratio.*at least 0'),
        ({'completion': {'patch': 0}}, r'completion\.patch'),
        ({'completion': {'alone': 0.5}}, r'completion\.alone'),
        ({'completion': {'rate': 0.5}}, r'model\.completion'),
        ({'completion': {'distribution': {'momentum': 1}}}, r'momentum'),
        ({'completion': {'distribution': {'level': 4}}}, r'level'),
        ({'completion': {'distillation': {'ramp': 2}}}, r'ramp.*at most 1'),
        ({'completion': {'distillation': {'speed': 2}}}, r'distillation'),
        ({'completion': {'num_classes': 3}}, r'num_classes'),
        ({'fill': 'zero'}, r"model\.fill='predicted'"),
        ({'adapter': {'type': 'ScaleShift'}}, r'model\.adapter'),
        ({'network': 'one resnet'}, r'MultiStreamBackbone'),
    ],
)
def test_what_cannot_be_is_a_sentence(make, settings, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make(**settings)


def test_empty_set_is_refused(make, inputs, make_samples):
    samples = make_samples([(False, False), FULL])
    for mode in ('loss', 'tensor', 'predict'):
        with pytest.raises(ValueError, match='at least one'):
            make()(inputs, samples, mode)

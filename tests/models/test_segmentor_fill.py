"""Fills that are learned with the adapters."""

import copy

import pytest
import torch
from mmengine.logging import MessageHub

from mmseg_missing.adapters import (
    base_state,
    fold,
    load_adapter,
    load_base,
    save_adapter,
)

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
ADAPTER = {'type': 'ScaleShift'}


@pytest.fixture(autouse=True)
def first_iteration():
    MessageHub.get_current_instance().update_info('iter', 0)


@pytest.fixture
def make(make_segmentor, train_rows):
    """Return a function that gives a base and a network that fills."""

    def make(fill='learned', network='one resnet', draw=True, **settings):
        base = make_segmentor(network)
        settings = {'adapter': ADAPTER, **settings}
        model = make_segmentor(network, fill=fill, **settings)
        load_base(model, base.state_dict(), 'base.pth')
        if draw:
            train_rows(model)
            draw_fill(model)
        return base, model

    return make


@torch.no_grad()
def draw_fill(model):
    generator = torch.Generator().manual_seed(3)
    for bank in model._banks:
        for vector in bank.fill_vectors.values():
            vector.copy_(torch.randn(vector.shape, generator=generator))


@pytest.fixture
def wrap(make_config):
    """The settings of a network whose backbone alone is adapted."""
    config = make_config('one resnet')
    return {
        'adapter': None,
        'backbone': {
            'type': 'AdaptedBackbone',
            'backbone': config['backbone'],
            'adapter': ADAPTER,
            'stack': config['stack'],
        },
    }


@torch.no_grad()
def test_it_starts_as_zero(make, inputs, make_samples):
    base, model = make(draw=False)
    shapes = {
        k: tuple(v.shape) for k, v in model.adapters.fill_vectors.items()
    }
    assert shapes == {'rgb': (3,), 'depth': (1,)}
    samples = make_samples([RGB, DEPTH])
    assert torch.equal(model(inputs, samples), base(inputs, samples))


@torch.no_grad()
def test_vectors_stand_in_for_what_is_absent(make, inputs, make_samples):
    base, model = make()
    for row in model.adapters.rows.table.values():
        row.zero_()
    fill = model.adapters.fill_vectors
    by_hand = inputs.clone()
    by_hand[0, 3:] = fill['depth'][:, None, None]
    by_hand[1, :3] = fill['rgb'][:, None, None]
    dirty = inputs.clone()
    dirty[0, 3:] = dirty[1, :3] = torch.nan
    found = model(dirty, make_samples([RGB, DEPTH]))
    assert torch.equal(found, base(by_hand))


@torch.no_grad()
def test_all_present_is_the_base(make, inputs, make_samples):
    base, model = make()
    found = model(inputs, make_samples([FULL, RGB]))
    assert torch.equal(model(inputs), base(inputs))
    assert torch.equal(found[0], base(inputs)[0])


@pytest.mark.parametrize(
    ('present', 'learnt'),
    [
        ([RGB, RGB], {'fill.depth', 'rows.table.rgb'}),
        ([DEPTH, DEPTH], {'fill.rgb', 'rows.table.depth'}),
        (
            [RGB, DEPTH],
            {
                'fill.depth',
                'fill.rgb',
                'rows.table.rgb',
                'rows.table.depth',
            },
        ),
        ([FULL, FULL], set()),
    ],
)
def test_only_what_stood_in_learns(
    make, inputs, make_samples, present, learnt
):
    """Nothing else moves, whatever the optimizer decays or remembers."""
    _, model = make(sampler='full')
    model.train()
    before = {k: v.clone() for k, v in model.adapters.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
    losses = model(inputs, make_samples(present), 'loss')
    losses['decode.loss_ce'].backward()
    optimizer.step()
    moved = {
        k
        for k, v in model.adapters.named_parameters()
        if not torch.equal(v, before[k])
    }
    assert moved == learnt


def test_one_fill_per_modality(make, inputs, make_samples):
    _, model = make({'depth': 'learned', 'rgb': 'black'})
    assert set(model.adapters.fill_vectors) == {'depth'}
    with torch.no_grad():
        other = copy.deepcopy(model)
        other.adapters.fill_vectors['depth'] += 1
        samples = make_samples([RGB, DEPTH])
        found, expected = other(inputs, samples), model(inputs, samples)
    assert not torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_vectors_are_adapters(make):
    base, model = make()
    gained = set(model.state_dict()) - set(base.state_dict())
    assert {'adapters.fill.rgb', 'adapters.fill.depth'} < gained
    assert set(base_state(model)) == set(base.state_dict())
    assert all(
        vector.requires_grad for vector in model.adapters.fill_vectors.values()
    )


def test_file(make, inputs, make_samples, tmp_path):
    """The vectors lie in the adapter file; a network without refuses it."""
    _, model = make()
    path = tmp_path / 'adapter.safetensors'
    save_adapter(model, path, {'fill': model.fill})
    _, other = make(draw=False)
    assert load_adapter(other, path)['fill']['rgb'] == 'learned'
    samples = make_samples([RGB, DEPTH])
    with torch.no_grad():
        assert torch.equal(other(inputs, samples), model(inputs, samples))
    _, other = make({'depth': 'learned'}, draw=False)
    with pytest.raises(ValueError, match=r'check `model\.fill`'):
        load_adapter(other, path)


def test_teacher_knows_no_learned_fill(make, inputs, make_samples):
    """What a sample really lacks is zero for the bare base."""
    base, model = make(teacher={'type': 'FeatureMSE'})
    samples = make_samples([RGB, FULL])
    metas = [sample.metainfo for sample in samples]
    found = model._ask_teacher(inputs, torch.tensor([RGB, FULL]), metas)
    with torch.no_grad():
        assert torch.equal(found.logits, base(inputs, samples))


def test_teacher_trains_the_fill(make, inputs, make_samples):
    _, model = make(teacher={'type': 'FeatureMSE'}, sampler='round_robin')
    losses = model.train()(inputs, make_samples([FULL, FULL]), 'loss')
    losses['teacher.loss_feature'].backward()
    assert all(
        vector.grad.any() for vector in model.adapters.fill_vectors.values()
    )


def test_adapted_backbone(make_segmentor, wrap, inputs, make_samples):
    """The backbone's own bank learns it."""
    model = make_segmentor('one resnet', fill='learned', **wrap)
    model.sampler = make_segmentor('one resnet', sampler='full').sampler
    assert set(model.backbone.adapters.fill_vectors) == {'rgb', 'depth'}
    losses = model.train()(inputs, make_samples([RGB, RGB]), 'loss')
    losses['decode.loss_ce'].backward()
    assert model.backbone.adapters.fill_vectors['depth'].grad.any()
    assert model.backbone.adapters.fill_vectors['rgb'].grad is None


@pytest.mark.parametrize('fill', ['learned', {'depth': 'learned'}])
def test_folded(make, make_segmentor, inputs, make_samples, fill):
    """A folded network keeps the vectors as constants of its config."""
    _, model = make(fill, 'cmnext')
    samples = make_samples([RGB, RGB])
    with torch.no_grad():
        expected = model(inputs, samples)
    vectors = {k: v.tolist() for k, v in model.adapters.fill_vectors.items()}
    biases = fold(model, 'rgb')
    folded = {'combination': 'rgb', 'biases': biases, 'fill': vectors}
    plain = make_segmentor('cmnext', fill=fill, folded=folded)
    plain.load_state_dict(model.state_dict())
    with torch.no_grad():
        found = plain(inputs, samples)
        assert torch.equal(found, model(inputs, samples))
        other = dict(
            folded, fill={k: [0.0] * len(v) for k, v in vectors.items()}
        )
        zero = make_segmentor('cmnext', fill=fill, folded=other)
        zero.load_state_dict(model.state_dict())
        assert not torch.allclose(zero(inputs, samples), found, atol=1e-2)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    'settings', [{}, {'folded': {'combination': 'rgb', 'biases': []}}]
)
def test_without_adapters(make_segmentor, settings):
    with pytest.raises(ValueError, match=r"'learned'.*set `model\.adapter`"):
        make_segmentor('one resnet', fill='learned', **settings)


def test_copies_are_independent(make, inputs, make_samples):
    _, model = make()
    twin = copy.deepcopy(model)
    samples = make_samples([RGB, DEPTH])
    with torch.no_grad():
        expected = model(inputs, samples)
        draw_fill(twin)
        for vector in twin.adapters.fill_vectors.values():
            vector += 1
        assert not torch.equal(twin(inputs, samples), expected)
        assert torch.equal(model(inputs, samples), expected)

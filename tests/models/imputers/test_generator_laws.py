"""Laws of predicted inputs, over every generator, in whole networks."""

import copy

import pytest
import torch

from mmseg_missing.adapters import load_base
from mmseg_missing.fill import usual

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
KINDS = 'linear', 'conv', 'unet'
FILLS = 'predicted', 'predicted:black', 'predicted:copy:rgb'


@torch.no_grad()
def stir(model):
    """Let generator and learned vectors be something."""
    torch.manual_seed(1)
    for parameter in model.generator.parameters():
        parameter.normal_(0, 0.1)
    return model


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def make(make_segmentor, train_rows):
    """Return a function that gives a base and the same with rows."""

    def make(network='one resnet', **settings):
        base = make_segmentor(network)
        model = make_segmentor(
            network,
            adapter={'type': 'ScaleShift'},
            sampler='full',
            **settings,
        )
        load_base(model, base.state_dict(), 'base.pth')
        return base, train_rows(model)

    return make


@pytest.fixture
def pair(make, kind):
    """Return a function that gives a base and one whose generator learnt."""

    def pair(fill='predicted', **settings):
        base, model = make(fill=fill, generator=kind, **settings)
        return base, stir(model)

    return pair


@pytest.mark.parametrize('fill', [*FILLS, 'predicted:learned'])
@torch.no_grad()
def test_starts_as_the_usual_fill(make, kind, inputs, make_samples, fill):
    samples = make_samples([RGB, DEPTH])
    _, before = make(fill=usual(fill))
    _, model = make(fill=fill, generator=kind)
    model.generator.requires_grad_(False)
    if 'learned' in fill:
        for network in (before, model):
            for vector in network.adapters.fill_vectors.values():
                vector.fill_(0.7)
    assert torch.equal(model(inputs, samples), before(inputs, samples))
    start = model(inputs, samples)
    assert not torch.allclose(stir(model)(inputs, samples), start)


@pytest.mark.parametrize('dtype', [None, torch.bfloat16])
@torch.no_grad()
def test_full_input_is_the_base(pair, inputs, make_samples, dtype):
    base, model = pair()
    samples = make_samples([FULL, RGB])
    with torch.autocast('cpu', dtype, enabled=dtype is not None):
        assert torch.equal(model(inputs), base(inputs))
        assert torch.equal(model(inputs, samples)[0], base(inputs)[0])


@pytest.mark.parametrize('fill', FILLS)
@torch.no_grad()
def test_nothing_of_an_absent_modality_is_seen(
    pair, inputs, make_samples, fill
):
    _, model = pair(fill)
    samples = make_samples([RGB, DEPTH])
    dirty = inputs.clone()
    dirty[0, 3:] = dirty[1, :3] = torch.nan
    assert torch.equal(model(dirty, samples), model(inputs, samples))


@torch.no_grad()
def test_a_mixed_batch_is_its_samples(pair, inputs, make_samples):
    _, model = pair()
    x = torch.cat([inputs, inputs])
    presents = [FULL, RGB, DEPTH, RGB]
    together = model(x, make_samples(presents))
    for i, present in enumerate(presents):
        alone = model(x[i : i + 1], make_samples([present]))
        torch.testing.assert_close(
            together[i], alone[0], rtol=1e-3, atol=1e-4
        )  # another batch sums in another order


def test_a_step_moves_rows_and_generator(pair, inputs, make_samples):
    _, model = pair()
    model.train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=0.1)
    model.loss(inputs, make_samples([RGB, DEPTH]))['decode.loss_ce'].backward()
    optimizer.step()
    moved = {
        k
        for k, v in model.state_dict().items()
        if not torch.equal(v, before[k])
    }
    parts = 'adapters.predictors.input.', 'adapters.rows.', 'adapters.samples'
    assert all(key.startswith(parts) for key in moved)
    predicts = {k for k in before if k.startswith(parts[0])}
    assert predicts <= moved


def test_nothing_absent_moves_nothing(pair, inputs, make_samples):
    """Its gradient is None, so that no optimizer moves it."""
    _, model = pair()
    model.train().loss(inputs, make_samples([FULL, FULL]))[
        'decode.loss_ce'
    ].backward()
    assert all(p.grad is None for p in model.generator.parameters())


def test_only_targets_need_work(make, kind, inputs, make_samples):
    """A sample that lacks another modality asks for no prediction."""
    fill = {'depth': 'predicted', 'rgb': 'black'}
    _, model = make(fill=fill, generator=kind)
    calls = []
    model.generator.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        model(inputs, make_samples([DEPTH, FULL]))
        assert not calls
        model(inputs, make_samples([DEPTH, RGB]))
    assert calls


def gradients(model, inputs, samples, dtype=None):
    with torch.autocast('cpu', dtype, enabled=dtype is not None):
        loss = model.loss(inputs, samples)['decode.loss_ce']
    parameters = list(model.generator.parameters())
    return torch.autograd.grad(loss, parameters)


def test_half_precision_trains(pair, inputs, make_samples):
    _, model = pair()
    samples = make_samples([RGB, DEPTH])
    exact = gradients(model.train(), inputs, samples)
    found = gradients(model, inputs, samples, torch.bfloat16)
    assert all(g.dtype == torch.float32 for g in found)
    one, other = (
        torch.cat([g.flatten() for g in gs]) for gs in (exact, found)
    )
    assert torch.nn.functional.cosine_similarity(one, other, dim=0) > 0.9


def test_recomputed_gradients_are_the_same(pair, inputs, make_samples):
    samples = make_samples([RGB, DEPTH])
    found = []
    for with_cp in (False, True):
        backbone = {
            'type': 'CMNeXt',
            'embed_dims': (8, 16, 40, 64),
            'depths': (1, 1, 1, 1),
            'in_channels': [3, 1],
            'with_cp': with_cp,
        }
        _, model = pair(network=(backbone, [8, 16, 40, 64]))
        found.append(gradients(model.train(), inputs, samples))
    torch.testing.assert_close(*found)


@torch.no_grad()
def test_memory_layout_stays(pair, inputs, make_samples):
    _, model = pair()
    samples = make_samples([RGB, DEPTH])
    expected = model(inputs, samples)
    last = {'memory_format': torch.channels_last}
    found = model.to(**last)(inputs.contiguous(**last), samples)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    filled = model.generator(
        inputs.contiguous(**last), torch.tensor([RGB, DEPTH])
    )
    assert filled.is_contiguous(**last)


def test_copies_are_independent(pair, inputs, make_samples):
    _, model = pair()
    samples = make_samples([RGB, DEPTH])
    twin = copy.deepcopy(model)
    with torch.no_grad():
        expected = model(inputs, samples)
        for parameter in twin.generator.parameters():
            parameter += 1
        assert not torch.equal(twin(inputs, samples), expected)
        assert torch.equal(model(inputs, samples), expected)

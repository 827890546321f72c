"""Folding a whole network, and what takes the folded weights."""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from mmseg_missing.adapters import add_biases, attach, fold

RGB = (True, False)


@pytest.fixture
def adapted(make_network, stack, train_rows):
    network = make_network().double()
    train_rows(attach(network, stack), ['rgb'])
    return network


def test_fresh_network_takes_the_folded_weights(make_network, adapted, x):
    x = x.double()
    with adapted.adapters.told([RGB, RGB]):
        expected = adapted(x)
    gained = fold(adapted, 'rgb')
    assert gained == ['stem']
    plain = make_network().double()
    add_biases(plain, gained)
    plain.load_state_dict(adapted.state_dict())
    torch.testing.assert_close(plain(x), expected, rtol=0, atol=1e-10)


def test_added_biases_change_nothing(make_network, x):
    network = make_network()
    expected = network(x)
    add_biases(network, ['stem'])
    assert torch.equal(network(x), expected)
    assert not network.stem.bias.requires_grad


def test_full_combination_folds_to_the_base(adapted, make_network):
    fold(adapted, 'depth+rgb')
    base = make_network().double().state_dict()
    state = adapted.state_dict()
    assert not state.pop('stem.bias').any()
    for key, value in state.items():
        assert torch.equal(value, base[key])


@pytest.mark.parametrize(
    ('combination', 'words'),
    [
        ('depth', r"no trained row for 'depth', only for \['rgb'\]; give"),
        ('lidar', "unknown modality 'lidar'"),
        ('', 'at least one'),
    ],
)
def test_refused_combination(adapted, combination, words):
    with pytest.raises(ValueError, match=words):
        fold(adapted, combination)
    assert hasattr(adapted, 'adapters')


class Late(nn.Module):
    def __init__(self, late):
        super().__init__()
        self.early = nn.Conv2d(4, 3, 1)
        self.late = late

    def forward(self, x):
        return self.late(self.early(x))


@pytest.mark.parametrize(
    'late', [nn.ConvTranspose2d(3, 3, 2), nn.BatchNorm2d(3, affine=False)]
)
def test_layer_that_cannot_fold_leaves_the_network_whole(
    stack, train_rows, late, x
):
    network = Late(late)
    train_rows(attach(network, stack))
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match=r"'late'.*"):
        fold(network, 'rgb')
    assert set(network.state_dict()) == set(before)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])
    with network.adapters.told([RGB, RGB]):
        network(x)


def test_biases_for_another_network(make_network):
    with pytest.raises(ValueError, match=r"no layer 'neck\.conv'"):
        add_biases(make_network(), ['neck.conv'])


def test_tied_weights_are_refused(stack):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
            self.second.weight = self.first.weight

    network = Tied()
    bank = attach(network, stack)
    bank.samples_seen += 1
    with pytest.raises(ValueError, match=r"'second' shares its weight"):
        fold(network, 'rgb')


class Standardised(nn.Conv2d):
    """As mmcv's ConvWS: the weight is normalised before it is used."""

    def forward(self, x):
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        weight = weight / weight.std((1, 2, 3), keepdim=True)
        return nn.functional.conv2d(x, weight, self.bias)


class Padded(nn.Conv2d):
    """As mmcv's Conv2dAdaptivePadding: only the input is changed."""

    def forward(self, x):
        return super().forward(nn.functional.pad(x, (0, 1, 0, 1)))


@pytest.mark.parametrize(
    ('stem', 'is_folded'),
    [
        (Standardised(4, 6, 3, bias=False), False),
        (nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 6, 3)), False),
        (Padded(4, 6, 3, bias=False), True),
    ],
)
def test_only_layers_that_use_their_weight(
    make_network, stack, train_rows, x, stem, is_folded
):
    network = make_network()
    network.stem = copy.deepcopy(stem)
    network.eval()
    train_rows(attach(network, stack), ['rgb'])
    with network.adapters.told([RGB] * len(x)), torch.no_grad():
        expected = network(x)
    if not is_folded:
        with pytest.raises(ValueError, match=r"'stem' cannot be folded"):
            fold(network, 'rgb')
        return
    fold(network, 'rgb')
    torch.testing.assert_close(network(x), expected)


class Cosine(nn.Linear):
    """The weight is normalised before it is used."""

    def forward(self, x):
        return nn.functional.linear(x, nn.functional.normalize(self.weight))


def rewriting(layer, with_kwargs=False):
    """Let a hook write the weight before each forward."""
    kept = layer.weight.detach().clone()

    def write(layer, *_):
        layer.weight.data.copy_(kept)

    layer.register_forward_pre_hook(write, with_kwargs=with_kwargs)
    return layer


def own_attribute(layer):
    """The weight is no parameter of its own."""
    weight = layer.weight.detach().clone()
    del layer.weight
    layer.weight = weight
    return layer


WRAPPERS = {
    'weight_norm': nn.utils.weight_norm,
    'spectral_norm': nn.utils.spectral_norm,
    'parametrized weight_norm': nn.utils.parametrizations.weight_norm,
    'parametrized spectral_norm': nn.utils.parametrizations.spectral_norm,
    'orthogonal': nn.utils.parametrizations.orthogonal,
    'pruned': lambda m: prune.l1_unstructured(m, 'weight', 0.5),
    'pruned bias': lambda m: prune.l1_unstructured(m, 'bias', 0.5),
    'a hook': rewriting,
    'a hook with keywords': partial(rewriting, with_kwargs=True),
    'an attribute': own_attribute,
}


@pytest.mark.parametrize('wrapper', WRAPPERS)
@pytest.mark.parametrize('name', ['stem', 'tokens', 'norm', 'head'])
def test_weights_that_are_made_anew(
    make_network, stack, train_rows, x, wrapper, name
):
    """What is folded into them would be gone in the next forward."""
    network = make_network()
    layer = getattr(network, name)
    if name == 'stem':
        layer = nn.Conv2d(4, 6, 3)
    try:
        layer = WRAPPERS[wrapper](layer)
    except (ValueError, RuntimeError) as error:
        pytest.skip(f'not for this layer: {error}')
    setattr(network, name, layer)
    network.eval()
    with torch.no_grad():
        network(x)  # the old wrappers make their weight in a forward
    try:
        bank = attach(network, stack)
    except ValueError as error:
        assert f'{name!r} is a Parametrized' in str(error)
        return
    train_rows(bank, ['rgb'])
    with pytest.raises(ValueError, match=f'{name!r} cannot be folded'):
        fold(network, 'rgb')


def test_linear_layers_that_normalise_their_weight(
    make_network, stack, train_rows
):
    network = make_network()
    network.head = Cosine(6, 2)
    train_rows(attach(network, stack), ['rgb'])
    with pytest.raises(ValueError, match=r"'head' cannot be folded"):
        fold(network, 'rgb')

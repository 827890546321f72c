"""Several methods at one network: one bank, one file, one fold."""

import copy

import pytest
import torch
from torch import nn

from mmseg_missing.adapters import (
    Bottleneck,
    LowRank,
    NormTuning,
    Scale,
    ScaleShift,
    Shift,
    attach,
    check_hooks,
    detach,
    fold,
    load_adapter,
    load_adapters,
    read_adapter,
    save_adapter,
    start_from,
)
from mmseg_missing.adapters.file_checks import check_metadata
from mmseg_missing.adapters.file_format import Damaged

RGB, DEPTH, BOTH = (True, False), (False, True), (True, True)
LIST = (
    {'type': ScaleShift, 'sites': ['stem', 'norm', 'body.0']},
    {'type': LowRank, 'rank': 1, 'sites': ['body.0', 'head']},
)


@pytest.fixture
def make(make_network, stack, train_rows):
    """Return a function that attaches a list, with rows as if trained."""

    def make(methods=LIST, names=None, seed=0, **settings):
        network = make_network()
        train_rows(attach(network, stack, methods, **settings), names, seed)
        return network

    return make


def run(network, x, present=RGB):
    with network.adapters.told([present] * len(x)):
        return network(x)


def test_each_site_has_what_its_methods_need(make):
    bank = make().adapters
    assert [s.name for s in bank.sites] == ['stem', 'norm', 'body.0', 'head']
    # body.0: 6 groups of 3 x 3, so A has 9 numbers and B 6; head: 6 + 2.
    assert bank.shares == [[12, 0], [12, 0], [12, 15], [0, 8]]
    assert bank.widths == [12, 12, 27, 8]
    assert bank.num_parameters == bank.rows.width == 59


def test_the_order_of_the_list_is_that_of_application(make, x):
    """A shift and then a scale is not a scale and then a shift."""
    network, x = make([{'type': Shift}, {'type': Scale}]).double(), x.double()
    plain = copy.deepcopy(network)
    detach(plain)
    bank = network.adapters
    [numbers] = bank.numbers([RGB])
    part = dict(zip([s.name for s in bank.sites], numbers.split(bank.widths)))

    def by_hand(layer, args, output):
        shift, scale = part[names[layer]].chunk(2)
        dim = 1 if isinstance(layer, (nn.Conv2d, nn.BatchNorm2d)) else -1
        shape = [
            -1 if d == dim % output.ndim else 1 for d in range(output.ndim)
        ]
        return (output + shift.view(shape)) * scale.view(shape)

    names = {plain.get_submodule(name): name for name in part}
    for layer in names:
        layer.register_forward_hook(by_hand)
    torch.testing.assert_close(run(network, x), plain(x))


KINDS = {
    'conv': (lambda: nn.Conv2d(3, 5, 3, padding=1), (3, 5, 7)),
    'norm': (lambda: nn.BatchNorm2d(3), (3, 5, 7)),
    'linear': (lambda: nn.Linear(3, 5), (7, 3)),
}


@pytest.mark.parametrize('keeps', [True, False])
@pytest.mark.parametrize('kind', KINDS)
def test_gradients_are_those_of_both(stack, kind, keeps):
    """Each saves what it needs of its own step, not of the layer's."""

    class Host(nn.Module):
        keeps_outputs = keeps

        def __init__(self):
            super().__init__()
            self.layer = KINDS[kind][0]()

        def forward(self, x):
            return self.layer(x)

    torch.manual_seed(0)
    network = Host().double()
    c = len(network.layer.bias)
    bank = attach(network, stack, [{'type': ScaleShift}, {'type': Scale}])
    network.double()
    row = bank.rows.table['rgb']
    nn.init.uniform_(row, 0.2, 0.7)
    x = torch.randn(2, *KINDS[kind][1], dtype=torch.float64)
    weight = torch.randn_like(run_plain(network, x))

    x.requires_grad_()
    with bank.told([RGB, RGB]):
        (network(x) * weight).sin().sum().backward()
    found = x.grad.clone(), row.grad.clone()

    x.grad = None
    numbers = (bank.identity + row.detach()).requires_grad_()
    shape = [1, -1, 1, 1] if kind != 'linear' else [1, 1, -1]
    scale, shift, more = (part.view(shape) for part in numbers.split(c))
    y = (run_plain(network, x) * scale + shift) * more
    (y * weight).sin().sum().backward()
    torch.testing.assert_close(found, (x.grad, numbers.grad))


def run_plain(network, x):
    with network.adapters.bypassed():
        return network(x)


def test_folds_at_once(make, x):
    x = x.double()
    for methods in (LIST, LIST[::-1]):
        network = make(methods).double()
        expected = run(network, x)
        assert fold(network, 'rgb') == ['stem']
        torch.testing.assert_close(network(x), expected, rtol=0, atol=1e-10)


def test_what_cannot_be_folded_says_so(make):
    network = make([*LIST, {'type': Bottleneck, 'sites': ['norm']}])
    with pytest.raises(ValueError, match='not linear; run it unfolded'):
        fold(network, 'rgb')
    check_hooks(network)


@pytest.mark.parametrize('rows', ['table', 'additive', 'hyper', 'experts'])
def test_one_file(make, x, rows, tmp_path):
    path = tmp_path / 'a.safetensors'
    network, other = make(rows=rows), make(rows=rows, seed=5)
    save_adapter(network, path)
    load_adapter(other, path)
    for present in (RGB, DEPTH, BOTH):
        assert torch.equal(run(other, x, present), run(network, x, present))
    metadata, _ = read_adapter(path)
    assert metadata['method'] == 'Hybrid' and metadata['options'] == {}
    (first, _), (second, options) = metadata['methods']
    assert (first, second, options['rank']) == ('ScaleShift', 'LowRank', 1)
    assert metadata['shares'] == [[12, 0], [12, 0], [12, 15], [0, 8]]


def test_files_are_cut_joined_and_started_from(make, x, tmp_path):
    paths = {
        name: tmp_path / f'{name}.safetensors' for name in ('rgb', 'depth')
    }
    network = make()
    for name, path in paths.items():
        save_adapter(network, path, combinations=[name])
    joined, started = make(seed=5), make(seed=5)
    load_adapters(joined, [*paths.values()])
    for present in (RGB, DEPTH):
        assert torch.equal(run(joined, x, present), run(network, x, present))
    assert start_from(started, paths['rgb']) == ('rgb',)
    assert started.adapters.trained == ('rgb',)


def test_a_list_of_one_is_that_method(make, tmp_path):
    """Its file is what it always was, up to the sum over all of it."""
    one, other = tmp_path / 'one.safetensors', tmp_path / 'two.safetensors'
    save_adapter(make([{'type': ScaleShift}]), one)
    save_adapter(make(ScaleShift), other)
    metadata, _ = read_adapter(one)
    assert metadata == read_adapter(other)[0]
    assert not {'methods', 'shares'} & set(metadata)


@pytest.mark.parametrize(
    ('methods', 'words'),
    [
        (ScaleShift, 'another list of methods: it has 2 entries, the netwo'),
        (LIST[::-1], r'another list of methods.*LowRank.*; give the config'),
        ([LIST[0], {**LIST[1], 'rank': 2}], r'list of methods'),
        ([LIST[0], {**LIST[1], 'sites': ['body.0']}], 'choice of sites'),
        (
            [LIST[0], {**LIST[1], 'sites': ['stem', 'body.0', 'head']}],
            'choice of sites',
        ),
    ],
)
def test_a_file_of_other_methods(make, tmp_path, methods, words):
    path = tmp_path / 'a.safetensors'
    save_adapter(make(), path)
    with pytest.raises(ValueError, match=words) as error:
        load_adapter(make(methods), path)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    'change',
    [
        {'shares': [[12, 0], [12, 0], [12, 15]]},
        {'shares': [[12, 0], [12, 0], [13, 15], [0, 8]]},
        {'shares': [[12], [12], [27], [8]]},
        {'shares': [[24, -12], [12, 0], [12, 15], [0, 8]]},
        {'shares': None},
        {'methods': [['ScaleShift', {}]]},
        {'methods': [['ScaleShift'], ['LowRank']]},
        {'methods': []},
    ],
)
def test_shares_that_cannot_be(make, tmp_path, change):
    path = tmp_path / 'a.safetensors'
    save_adapter(make(), path)
    metadata, tensors = read_adapter(path)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    check_metadata(metadata, shapes)
    with pytest.raises(Damaged):
        check_metadata({**metadata, **change}, shapes)
    metadata.pop('methods')
    with pytest.raises(Damaged, match='shares'):
        check_metadata(metadata, shapes)


def test_a_named_site_is_remembered(make):
    bank = make([{'type': NormTuning}, LIST[1]]).adapters
    assert bank.named == {'body.0', 'head'}


@pytest.mark.parametrize(
    ('methods', 'settings', 'words'),
    [
        ([LIST[0], LIST[0]], {}, "ScaleShift hangs on 'stem' twice; give"),
        (LIST, {'sites': ['head']}, 'brings its own sites and options'),
        (LIST, {'rank': 3}, 'brings its own sites and options'),
        ([], {}, 'got 0 methods'),
        ('LowRank', {}, '`method` takes a list'),
        (
            [LIST[0], {'type': LowRank, 'sites': ['norm']}],
            {},
            'that this meth',
        ),
    ],
)
def test_lists_that_cannot_be(
    make_network, stack, x, methods, settings, words
):
    network = make_network()
    base = network(x)
    with pytest.raises((ValueError, TypeError), match=words):
        attach(network, stack, methods, **settings)
    assert torch.equal(network(x), base)


def test_detach(make, make_network, x):
    network = make()
    check_hooks(network)
    detach(network)
    base = make_network()
    assert set(network.state_dict()) == set(base.state_dict())
    assert torch.equal(network(x), base(x))

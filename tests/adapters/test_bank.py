"""Rows: told for one forward, learnt one by one."""

import copy
import gc
import pickle
import time
import warnings
import weakref

import pytest
import torch
from torch import nn

from mmseg_missing.adapters import (
    attach,
    check_hooks,
    detach,
    find_sites,
    freeze,
)
from mmseg_missing.modality import Stack

BOTH, RGB, DEPTH = (True, True), (True, False), (False, True)


@pytest.fixture
def network(make_network, stack):
    network = make_network()
    attach(network, stack)
    return network


@pytest.mark.parametrize('mode', [True, False])
def test_not_told(network, x, mode):
    network.train(mode)
    with pytest.raises(RuntimeError, match=r'not told.*`with network\.adapte'):
        network(x)


def test_a_bank_taken_off_lets_the_network_go(make_network, stack):
    network = make_network()
    bank = attach(network, stack)
    known = weakref.ref(network)
    detach(network)
    gc.disable()
    try:
        del network
        assert known() is None
    finally:
        gc.enable()
    bank.train()  # nothing around it to keep from learning


def test_nothing_survives_the_forward(network, x, train_rows):
    bank = train_rows(network.adapters)
    with bank.told([RGB, RGB]):
        network(x)
    with pytest.raises(RuntimeError, match='not told'):
        network(x)
    with pytest.raises(ZeroDivisionError), bank.told([RGB, RGB]):
        1 / 0  # noqa: B018
    with pytest.raises(RuntimeError, match='not told'):
        network(x)


def test_blocks_can_be_nested(network, x, train_rows):
    bank = train_rows(network.adapters)
    with bank.told([RGB, RGB]):
        first = network(x)
        with bank.told([BOTH, BOTH]):
            assert not torch.equal(network(x), first)
        assert torch.equal(network(x), first)


@pytest.mark.parametrize('present', [(False, False), (True,), (True,) * 3])
def test_wrong_present(network, present):
    told = network.adapters.told([BOTH, present])
    with pytest.raises(ValueError, match='`present` needs 2'), told:
        pass


def test_untrained_row_warns_once(network, train_rows):
    bank = train_rows(network.adapters, ['depth'])
    network.eval()
    words = "row of 'rgb' was never trained"
    with pytest.warns(match=words), bank.told([RGB, DEPTH, BOTH]):
        pass
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        with bank.told([RGB, DEPTH, BOTH]):
            pass
        bank._warned.clear()
        network.train()  # training is what trains it
        with bank.told([RGB]):
            pass


def test_combination_without_a_row_warns_and_is_the_base(
    make_network, stack, x, train_rows
):
    network = make_network()
    base = network(x)
    bank = attach(network, stack, combinations=['rgb'])
    train_rows(bank)
    assert bank.rows.names == bank.trained == ('rgb',)
    network.eval()
    words = "'depth' was never trained"
    with pytest.warns(match=words), bank.told([DEPTH, DEPTH]):
        assert torch.equal(network(x), base)


def test_all_present_training_batch_can_still_be_learnt_from(network, x):
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.1)
    state = copy.deepcopy(network.state_dict())
    with network.adapters.told([BOTH, BOTH]):
        network(x).sum().backward()
    optimizer.step()
    for key, value in network.state_dict().items():
        assert torch.equal(value, state[key])


@pytest.mark.skipif(
    not hasattr(torch.amp, 'GradScaler'), reason='torch from 2.3 on'
)
def test_all_present_batch_under_gradient_scaling(network, x):
    """GradScaler wants a gradient of at least one parameter."""
    scaler = torch.amp.GradScaler('cpu', init_scale=8)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.1)
    with network.adapters.told([BOTH, BOTH]):
        scaler.scale(network(x).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert not any(row.any() for row in network.adapters.rows.parameters())


def test_a_loss_that_explodes_does_not_reach_the_full_row(network, x):
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.1)
    with network.adapters.told([BOTH, RGB]):
        (network(x) * torch.inf).sum().backward()
    optimizer.step()
    rows = network.adapters.rows
    assert rows.table['rgb'].isnan().any() and not rows.anchor.any()
    with network.adapters.told([BOTH, DEPTH]):
        assert network(x).isfinite().all()


def test_no_graph_without_gradients(network, x):
    with torch.no_grad(), network.adapters.told([BOTH, BOTH]):
        assert not network(x).requires_grad


def test_only_rows_require_gradients(network):
    learnt = {n for n, w in network.named_parameters() if w.requires_grad}
    assert learnt == {
        'adapters.rows.table.rgb',
        'adapters.rows.table.depth',
        'adapters.rows.anchor',
    }


def test_freeze_again(network):
    network.requires_grad_(True)
    freeze(network)
    test_only_rows_require_gradients(network)


def test_children_cannot_thaw_in_train_mode(network):
    network.train()
    modes = {n: m.training for n, m in network.named_modules() if m.training}
    assert modes and all(n.startswith('adapters') for n in modes)
    twin = copy.deepcopy(network).train()
    assert not twin.drop.training and twin.adapters.training


def test_width_and_count(network):
    bank = network.adapters
    assert bank.widths == [12, 12, 12, 12, 4]
    assert bank.num_parameters == 52
    assert bank.count([RGB, BOTH, RGB, DEPTH]).tolist() == [2, 1]
    assert bank.trained == ()
    bank.samples_seen += bank.count([RGB])
    assert bank.trained == ('rgb',)


def test_combinations_in_any_order(make_network, stack):
    bank = attach(make_network(), stack, combinations=['depth', 'rgb'])
    assert bank.rows.names == ('rgb', 'depth')
    assert bank.count([RGB]).tolist() == [1, 0]


def test_checkpoints_do_not_depend_on_their_order(
    make_network, stack, x, train_rows
):
    network, other = make_network(), make_network()
    train_rows(attach(network, stack, combinations=['rgb', 'depth']))
    attach(other, stack, combinations=['depth', 'rgb'])
    network.adapters.samples_seen[1] = 0
    other.load_state_dict(network.state_dict())
    assert other.adapters.trained == network.adapters.trained == ('rgb',)
    told = [RGB, DEPTH]
    with network.train().adapters.told(told):
        expected = network(x)
    with other.train().adapters.told(told):
        assert torch.equal(other(x), expected)


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'rows': 'list'}, r"'list'; `model\.adapter\.rows` takes.* table,"),
        ({'rows': 3}, r'`model\.adapter\.rows` takes a name or dict'),
        ({'rows': {}}, r'row mode None; `model\.adapter\.rows`'),
        (
            {'rows': {'type': 'table', 'rank': 2}},
            r"no options, got \['rank'\]",
        ),
        ({'rows': {'type': 'hyper', 'rank': 1.5}}, r'rows\.rank` takes a wh'),
        (
            {'rows': {'type': 'hyper', 'hidden': 0}},
            r'rows\.hidden` must be at',
        ),
        (
            {'rows': {'type': 'experts', 'experts': 0}},
            r'rows\.experts` must be at',
        ),
        (
            {'combinations': 'rgb'},
            r'`model\.adapter\.combinations` takes a li',
        ),
        ({'combinations': [1]}, r'combinations` has a wrong entry: 1'),
        (
            {'combinations': ['lidar']},
            r"^`model\.adapter\.combinations`: unknown modality 'lidar'",
        ),
        ({'combinations': ['rgb', 'depth', 'rgb']}, 'each combination once'),
        ({'combinations': ['rgb', 'depth+rgb']}, 'miss something'),
        ({'combinations': []}, r'`model\.adapter\.combinations`'),
    ],
)
def test_wrong_settings_leave_the_network_alone(
    make_network, stack, x, settings, words
):
    network = make_network()
    base = network(x)
    with pytest.raises((ValueError, TypeError), match=words):
        attach(network, stack, **settings)
    assert torch.equal(network(x), base)
    assert all(w.requires_grad for w in network.parameters())


def test_attach_once(network, stack):
    with pytest.raises(ValueError, match='attach once'):
        attach(network, stack)
    outer = nn.ModuleDict({'inner': network})
    with pytest.raises(ValueError, match='not to both'):
        attach(outer, stack)
    assert len(network.stem._forward_hooks) == 1


def test_bare_sequential(stack):
    with pytest.raises(ValueError, match=r'bare nn\.Sequential'):
        attach(nn.Sequential(nn.Linear(2, 2)), stack)


def test_detach(network, make_network, x):
    detach(network)
    base = make_network()
    assert torch.equal(network(x), base(x))
    assert set(network.state_dict()) == set(base.state_dict())
    assert not any(m._forward_hooks for m in network.modules())
    assert network.train().norm.training


def test_detach_leaves_other_hooks(make_network, stack, x):
    network, seen = make_network(), []
    network.stem.register_forward_hook(lambda *_: seen.append(1))
    attach(network, stack)
    detach(network)
    network(x)
    assert seen == [1]


def test_converted_norms_are_found_to_be_unhooked(network):
    check_hooks(network)
    nn.SyncBatchNorm.convert_sync_batchnorm(network)
    with pytest.raises(RuntimeError, match=r"1 adapter sites .* 'norm'"):
        check_hooks(network)


def test_pickle(network, x, train_rows):
    train_rows(network.adapters)
    twin = pickle.loads(pickle.dumps(network))
    with network.adapters.told([RGB, DEPTH]), twin.adapters.told([RGB, DEPTH]):
        assert torch.equal(twin(x), network(x))


def test_dtype_of_the_network(network, x, train_rows):
    train_rows(network.adapters)
    network.double()
    with network.adapters.told([RGB, DEPTH]):
        assert network(x.double()).dtype == torch.float64


def test_sites_survive_init(network, x, make_network):
    """A later initialisation of the layers leaves rows at the identity."""
    for layer in network.modules():
        if hasattr(layer, 'reset_parameters'):
            torch.manual_seed(3)
            layer.reset_parameters()
    base = make_network()
    state = network.state_dict()
    base.load_state_dict({k: state[k] for k in base.state_dict()})
    network.adapters.samples_seen += 1
    with network.adapters.told([RGB, DEPTH]):
        assert torch.equal(network(x), base(x))


def test_site_order_is_the_slot_order(network):
    sites = find_sites(network)
    assert [network.get_submodule(s.name).adapter.slot for s in sites] == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_default_row_mode(make_network):
    """Additive where there is something to add up, a table elsewhere."""
    three = Stack([{'name': n, 'channels': 1} for n in 'abc'])
    two = Stack([{'name': n, 'channels': 2} for n in 'ab'])
    assert attach(make_network(), three).row_mode == 'additive'
    assert attach(make_network(), two).row_mode == 'table'
    some = attach(make_network(), three, combinations=['a', 'b'])
    assert some.row_mode == 'table'


def many(count):
    return Stack([{'name': f'm{i}', 'channels': 1} for i in range(count)])


def quickest(function, repeats=20):
    def seconds():
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    return min(seconds() for _ in range(repeats))


def test_being_told_costs_little(make_network):
    """Whatever number of combinations there are besides those of a batch."""
    stack = many(8)
    bank = attach(make_network(), stack)
    bank.samples_seen += 1
    bank.eval()
    present = stack.present(stack.incomplete()[20:28])

    @torch.no_grad()
    def tell():
        with bank.told(present):
            pass

    assert quickest(tell) < 1e-3
    assert quickest(lambda: bank.count(present)) < 1e-3


@pytest.mark.parametrize('rows', ['table', 'additive', 'hyper', 'experts'])
def test_eight_different_rows_are_few_passes_over_memory(rows):
    """It was 40 times what it takes to write them, and is about 15."""
    stack, network = many(8), nn.Module()
    network.layer = nn.Linear(1, 1 << 15)
    bank = attach(network, stack, rows=rows)
    assert bank.num_parameters == 1 << 16
    present = stack.present(stack.incomplete()[20:28])
    numbers = list(torch.randn(8, 1 << 16))

    def tell():
        with bank.told(present):
            pass

    write = quickest(lambda: torch.stack(numbers), 100)
    assert quickest(tell, 100) < 32 * write


def test_twelve_modalities_attach_in_seconds(make_network):
    stack, network = many(12), make_network()
    seconds = quickest(lambda: attach(network, stack), repeats=1)
    assert seconds < 3
    bank = network.adapters
    assert len(bank.rows.names) == 2**12 - 2
    bank.samples_seen[-12:] = 1  # only one modality is left
    assert quickest(lambda: bank.served, repeats=1) < 3
    assert len(bank.served) == 2**12 - 2


def test_flags_may_be_a_tensor(network, stack, x):
    bank = network.adapters
    flags = torch.zeros(len(x), len(stack), dtype=torch.bool)
    flags[:, 0] = True
    with bank.told(flags), torch.no_grad():
        network(x)
    assert bank.count(flags).sum() == len(x)


def test_samples_that_have_nothing_are_refused(network, stack):
    bank = network.adapters
    flags = torch.zeros(2, len(stack), dtype=torch.bool)
    with pytest.raises(ValueError, match='at least one of'), bank.told(flags):
        pass

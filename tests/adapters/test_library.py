"""Several adapter files, one network."""

import pytest
import torch

from mmseg_missing.adapters import (
    attach,
    load_adapter,
    load_adapters,
    read_adapter,
    read_rows,
    save_adapter,
)
from mmseg_missing.adapters.file_format import encode

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)


@pytest.fixture
def learnt(make_network, stack, train_rows, tmp_path):
    """Return a function: a network that learnt, and its file."""

    def learn(name, seed=0, extra=None, **settings):
        network = make_network()
        attach(network, stack, **settings)
        train_rows(network.adapters, seed=seed)
        path = tmp_path / f'{name}.safetensors'
        save_adapter(network, path, extra)
        return network, path

    return learn


@pytest.fixture
def fresh(make_network, stack):
    network = make_network()
    attach(network, stack)
    return network


def run(network, x, present):
    with network.adapters.told([present] * len(x)):
        return network(x)


def test_files_trained_apart_serve_one_network(learnt, fresh, x):
    rgb, first = learnt('rgb', 1, combinations=['rgb'])
    depth, second = learnt('depth', 2, combinations=['depth'])
    metadata = load_adapters(fresh, [first, second])
    assert [m['combinations'] for m in metadata] == [['rgb'], ['depth']]
    assert torch.equal(run(fresh, x, RGB), run(rgb, x, RGB))
    assert torch.equal(run(fresh, x, DEPTH), run(depth, x, DEPTH))
    assert fresh.adapters.trained == ('rgb', 'depth')
    assert fresh.adapters.samples_seen.tolist() == [11, 11]


def test_joining_brings_all_rows_or_none(learnt, fresh, x):
    """What another file left is gone, and does not count as trained."""
    _, both = learnt('both', 1)
    rgb, one = learnt('rgb', 2, combinations=['rgb'])
    load_adapters(fresh, [both])
    load_adapters(fresh, [one])
    assert fresh.adapters.trained == ('rgb',)
    assert not fresh.adapters.rows.table['depth'].any()
    assert torch.equal(run(fresh, x, RGB), run(rgb, x, RGB))


def test_joining_leaves_no_learned_fill(learnt, fresh):
    _, path = learnt('a')
    fresh.adapters.learn_fill()
    with pytest.raises(ValueError, match=r'learned fill of \[\], the network'):
        load_adapters(fresh, [path])


@pytest.mark.parametrize('rows', ['additive', 'hyper', 'experts'])
def test_rows_of_any_mode_become_a_table(learnt, fresh, x, rows):
    network, path = learnt('a', rows=rows)
    load_adapters(fresh, [path])
    for present in (RGB, DEPTH):
        torch.testing.assert_close(
            run(fresh, x, present), run(network, x, present)
        )


def test_additive_rows_of_combinations_that_were_never_drawn(
    make_network, train_rows, tmp_path
):
    from mmseg_missing.modality import Stack

    stack = Stack([{'name': name, 'channels': 1} for name in 'abcd'])
    network = make_network()
    seen = ['b+c+d', 'a+c+d']
    bank = attach(network, stack, rows='additive', combinations=seen)
    train_rows(bank)
    assert bank.served == ('a+c+d', 'b+c+d', 'c+d')
    save_adapter(network, tmp_path / 'a.safetensors')
    _, rows = read_rows(tmp_path / 'a.safetensors')
    assert set(rows) == {*seen, 'c+d'}
    torch.testing.assert_close(rows['c+d'], rows[seen[0]] + rows[seen[1]])


@pytest.mark.parametrize('rows', ['table', 'additive', 'hyper', 'experts'])
def test_one_combination_alone(learnt, fresh, x, rows, tmp_path):
    network, _ = learnt('all', rows=rows)
    path = tmp_path / 'depth.safetensors'
    assert save_adapter(network, path, combinations=['depth']) == ('depth',)
    metadata, tensors = read_adapter(path)
    assert metadata['rows'] == 'table' and set(tensors) == {'depth'}
    load_adapter(fresh, path)
    assert fresh.adapters.trained == ('depth',)
    torch.testing.assert_close(run(fresh, x, DEPTH), run(network, x, DEPTH))


def test_combinations_without_a_row(learnt, tmp_path):
    network, _ = learnt('rgb', combinations=['rgb'])
    with pytest.raises(ValueError, match=r"no trained row for 'depth'"):
        save_adapter(network, tmp_path / 'x', combinations=['depth'])


def test_a_combination_twice(learnt, fresh):
    _, first = learnt('first', 1)
    _, second = learnt('second', 2, combinations=['depth'])
    words = r"first.*second.*both repair 'depth'.*--combination"
    with pytest.raises(ValueError, match=words):
        load_adapters(fresh, [first, second])
    assert not fresh.adapters.trained
    assert not any(row.any() for row in fresh.adapters.rows.table.values())


def test_files_of_different_fills(learnt, fresh):
    _, first = learnt('a', 1, {'fill': 'zero'}, combinations=['rgb'])
    _, second = learnt('b', 2, {'fill': 'black'}, combinations=['depth'])
    with pytest.raises(ValueError, match='learnt for fill black, the first'):
        load_adapters(fresh, [first, second])


def test_learned_fills_stay_alone(learnt, fresh):
    extra = {'fill': {'rgb': 'learned', 'depth': 'zero'}}
    _, path = learnt('a', 1, extra)
    with pytest.raises(ValueError, match='load it by itself'):
        load_adapters(fresh, [path])


def test_other_method(learnt, make_network, stack):
    from mmseg_missing.adapters import Shift

    _, path = learnt('a')
    network = make_network()
    attach(network, stack, Shift)
    with pytest.raises(ValueError, match='is for another method'):
        load_adapters(network, [path])


def test_networks_without_a_table(learnt, make_network, stack):
    _, path = learnt('a')
    network = make_network()
    attach(network, stack, rows='additive')
    with pytest.raises(ValueError, match=r"`model\.adapter\.rows` to 'table'"):
        load_adapters(network, [path])


def damaged(path, change):
    """Write the file again with its tensors or metadata changed."""
    metadata, tensors = read_adapter(path)
    change(metadata, tensors)
    path.write_bytes(encode(tensors, metadata))


@pytest.mark.parametrize(
    'change',
    [
        lambda m, t: t.update(rgb=torch.full_like(t['rgb'], torch.nan)),
        lambda m, t: t.update(rgb=torch.ones(1)),
        lambda m, t: t.pop('rgb'),
        lambda m, t: m.pop('stack') and m.update(stack=3),
        lambda m, t: m.update(rows=['table']),
        lambda m, t: m.update(row_options=[1]),
        lambda m, t: m['samples_seen'].update(rgb=2**63),
    ],
)
def test_damaged_files(learnt, fresh, change):
    _, path = learnt('a')
    damaged(path, change)
    with pytest.raises(ValueError, match='is damaged'):
        load_adapters(fresh, [path])
    assert not fresh.adapters.trained


def test_additive_rows_of_grouped_sensors(make_network, train_rows, tmp_path):
    from mmseg_missing.modality import Stack

    stack = Stack(
        [
            {'name': n, 'channels': 1, 'sensor': (n in 'ab' and 'x') or 'y'}
            for n in 'abcd'
        ]
    )
    network, path = make_network(), tmp_path / 'a.safetensors'
    bank = train_rows(attach(network, stack, rows='additive'))
    # What fails together is known as a sum alone.
    assert bank.served == ('a+b', 'c+d')
    save_adapter(network, path)
    table = make_network()
    attach(table, stack, rows='table')
    load_adapters(table, [path])
    assert table.adapters.trained == ('a+b', 'c+d')


def test_checkpoints_of_other_rows(make_network, stack):
    network, other = make_network(), make_network()
    attach(network, stack, rows='table')
    attach(other, stack, rows='additive')
    with pytest.raises(ValueError, match=r"other adapter rows than 'addit"):
        other.load_state_dict(network.state_dict(), strict=False)


def test_more_rows_than_have_room(
    make_network, train_rows, tmp_path, monkeypatch
):
    """16 vectors make 65,534 rows."""
    from mmseg_missing.adapters import library
    from mmseg_missing.modality import Stack

    stack = Stack([{'name': name, 'channels': 1} for name in 'abcd'])
    network, table = make_network(), make_network()
    train_rows(attach(network, stack, rows='additive'))
    save_adapter(network, tmp_path / 'a.safetensors')
    monkeypatch.setattr(library, 'MOST_NUMBERS', 13 * 52)
    with pytest.raises(ValueError, match=r'serves 14 combinations.*too many'):
        read_rows(tmp_path / 'a.safetensors')
    attach(table, stack, combinations=['a', 'b'])
    load_adapters(table, [tmp_path / 'a.safetensors'])
    assert table.adapters.trained == ('a', 'b')

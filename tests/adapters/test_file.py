"""The adapter file: exactly the trained rows, refused where it is wrong."""

import copy
import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mmseg_missing.adapters import (
    LowRank,
    ScaleShift,
    adapter_prefixes,
    attach,
    base_state,
    fingerprint,
    load_adapter,
    load_base,
    read_adapter,
    save_adapter,
)
from mmseg_missing.adapters.file_format import encode
from mmseg_missing.modality import Stack
from mmseg_missing.version import __version__

RGB, DEPTH = (True, False), (False, True)


@pytest.fixture
def network(make_network, stack, train_rows):
    network = make_network()
    train_rows(attach(network, stack))
    return network


@pytest.fixture
def fresh(make_network, stack):
    network = make_network()
    attach(network, stack)
    return network


@pytest.fixture
def path(network, tmp_path):
    path = tmp_path / 'adapter.safetensors'
    save_adapter(network, path, {'fill': {'rgb': 'zero'}, 'results': {}})
    return path


@pytest.fixture
def rewrite(path):
    """Return a function that writes the file again, with changes.

    Its sha256 is right: whoever changes a file on purpose can compute it.
    """

    def write(damage=lambda rows: rows, **changes):
        metadata, rows = read_adapter(path)
        metadata.update(changes)
        kept = {k: v for k, v in metadata.items() if v is not ...}
        path.write_bytes(encode(damage(rows), kept))

    return write


def assert_refused(network, path, words):
    """Refused with these words, and nothing of the network changed."""
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match=words) as error:
        load_adapter(network, path)
    assert str(path) in str(error.value) and '\n' not in str(error.value)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])


def test_exactly_the_trained_rows(fresh, train_rows, tmp_path):
    train_rows(fresh.adapters, ['depth'])
    path = tmp_path / 'adapter.safetensors'
    assert save_adapter(fresh, path) == ('depth',)
    with safe_open(path, framework='pt') as file:
        assert list(file.keys()) == ['depth']
        assert file.get_tensor('depth').numel() == 52
    assert path.stat().st_size < 52 * 4 + 2000


def test_metadata(network, path):
    metadata, rows = read_adapter(path)
    assert set(rows) == {'rgb', 'depth'}
    assert metadata['format_version'] == 2
    assert metadata['method'] == 'ScaleShift'
    assert metadata['rows'] == 'table'
    assert metadata['network'] == 'Network'
    assert [m[:2] for m in metadata['stack']] == [['rgb', 3], ['depth', 1]]
    assert metadata['sites'][0] == ['stem', 'Conv2d', 12]
    assert metadata['base'] == fingerprint(network)
    assert metadata['combinations'] == ['rgb', 'depth']
    assert metadata['samples_seen'] == {'rgb': 11, 'depth': 12}
    assert metadata['fill'] == {'rgb': 'zero'}
    assert metadata['mmseg_missing_version'] == __version__


def test_load(network, fresh, path, x):
    metadata = load_adapter(fresh, path)
    assert metadata['fill'] == {'rgb': 'zero'}
    assert fresh.adapters.samples_seen.tolist() == [11, 12]
    told = [RGB, DEPTH]
    with network.adapters.told(told), fresh.adapters.told(told):
        assert torch.equal(fresh(x), network(x))


@pytest.mark.parametrize('names', [['rgb', 'depth'], ['depth', 'rgb']])
def test_order_of_combinations(
    make_network, stack, train_rows, path, names, tmp_path
):
    """Files of either order load into each other, counts included."""
    network = make_network()
    attach(network, stack, combinations=names)
    load_adapter(network, path)
    save_adapter(network, tmp_path / 'again.safetensors')
    old, rows = read_adapter(path)
    new, again = read_adapter(tmp_path / 'again.safetensors')
    for key in ('combinations', 'samples_seen'):
        assert new[key] == old[key]
    for name, row in rows.items():
        assert torch.equal(again[name], row)


def test_the_umask_says_who_may_read(network, tmp_path):
    (tmp_path / 'plain').touch()
    save_adapter(network, tmp_path / 'a.safetensors')
    modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    assert set(modes) == {'plain', 'a.safetensors'}
    assert modes['a.safetensors'] == modes['plain']


@pytest.mark.parametrize('rows', ['table', 'additive', 'hyper', 'experts'])
def test_loading_brings_all_rows_or_none(
    make_network, stack, train_rows, rows, tmp_path, x
):
    """What another file left is gone, and does not count as trained."""
    networks = [make_network(), make_network()]
    for seed, network in enumerate(networks):
        bank = attach(network, stack, rows=rows)
        bank.learn_fill()
        train_rows(bank, None if seed else ['depth'], seed)
        bank.fill_vectors['rgb'].data.fill_(seed + 1)
    path = tmp_path / 'depth.safetensors'
    save_adapter(networks[0], path)
    alone = make_network()
    attach(alone, stack, rows=rows).learn_fill()
    for network in (alone, networks[1]):
        load_adapter(network, path)
        assert network.adapters.trained == ('depth',)
        assert network.adapters.samples_seen.tolist() == [0, 12]
        assert network.adapters.fill_vectors['rgb'].tolist() == [1, 1, 1]
        with network.adapters.told([DEPTH, DEPTH]):
            depth = network(x)
        with networks[0].adapters.told([DEPTH, DEPTH]):
            assert torch.equal(depth, networks[0](x))
    if rows in ('table', 'additive'):  # others share all numbers
        with networks[1].adapters.told([RGB, RGB]):
            assert torch.equal(networks[1](x), make_network()(x))


def test_nothing_trained(fresh, tmp_path):
    with pytest.raises(ValueError, match='no adapter row was trained'):
        save_adapter(fresh, tmp_path / 'adapter.safetensors')
    assert not list(tmp_path.iterdir())


def test_no_adapters(make_network, path):
    for call in (save_adapter, load_adapter):
        with pytest.raises(ValueError, match=r'set `model\.adapter`'):
            call(make_network(), path)


def test_other_base(fresh, path):
    fresh.norm.running_mean += 1e-3
    assert_refused(fresh, path, r'another base: its fingerprint starts \w{12}')


@pytest.mark.parametrize(
    ('modalities', 'words'),
    [
        ([{'name': 'rgb'}, {'name': 'hha', 'channels': 1}], 'depth.*hha'),
        ([{'name': 'rgb'}, {'name': 'depth'}], "'depth', 1.*'depth', 3"),
        (
            [{'name': 'rgb', 'std': [2]}, {'name': 'depth', 'channels': 1}],
            r'1\.0.*2\.0',
        ),
        (
            [{'name': 'rgb'}, {'name': 'depth', 'channels': 1}, {'name': 'x'}],
            'it has 2 entries, the network 3',
        ),
    ],
)
def test_other_stack(make_network, path, modalities, words):
    network = make_network()
    attach(network, Stack(modalities))
    assert_refused(network, path, f'another stack: .*{words}')


@pytest.mark.parametrize(
    ('sites', 'words'),
    [
        (['stem', 'body.0'], "it has .'norm'.*the network .'body.0'"),
        (['stem'], 'it has 5 entries, the network 1'),
    ],
)
def test_other_sites(make_network, stack, path, sites, words):
    network = make_network()
    attach(network, stack, sites=sites)
    assert_refused(
        network, path, f'another choice of sites: {words}.*give the config'
    )


class Other(ScaleShift):
    pass


def test_other_method(make_network, stack, path):
    network = make_network()
    attach(network, stack, Other)
    words = "another method: it has 'ScaleShift', the network 'Other'"
    assert_refused(network, path, words)


def test_other_row_mode(fresh, path, rewrite):
    rewrite(
        lambda rows: {f'missing {k}': v for k, v in rows.items()},
        rows='additive',
    )
    assert_refused(fresh, path, "another rows: it has 'additive'")


def test_other_version(fresh, path, rewrite):
    rewrite(format_version=3)
    assert_refused(fresh, path, 'format version 3, this package reads 1 and 2')


def test_strange_combination(make_network, stack, path):
    network = make_network()
    attach(network, stack, combinations=['rgb'])
    words = (
        r"was trained for 'depth'.*only for \['rgb'\].*`model\.adapter\.combin"
    )
    assert_refused(network, path, words)


def test_missing_file(fresh, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nothing\.safetensors'):
        load_adapter(fresh, tmp_path / 'nothing.safetensors')
    with pytest.raises(FileNotFoundError):
        load_adapter(fresh, tmp_path)


@pytest.mark.parametrize('share', [0, 0.01, 0.5, 0.99])
def test_truncated(fresh, path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert_refused(fresh, path, 'damaged or no adapter file')


@pytest.mark.parametrize('content', [b'\x80\x02}.' * 99, b'PK\x03\x04' * 99])
def test_not_safetensors(fresh, path, content):
    path.write_bytes(content)
    assert_refused(fresh, path, 'damaged or no adapter file')


@pytest.mark.parametrize('metadata', [None, {'format': 'pt'}, {'a': '1'}])
def test_safetensors_of_others(fresh, path, metadata):
    save_file({'weight': torch.ones(3)}, path, metadata)
    assert_refused(fresh, path, 'no adapter file|format version None')


@pytest.mark.parametrize(
    'damage',
    [
        lambda rows: {**rows, 'depth': rows['depth'][:-1].clone()},
        lambda rows: {**rows, 'depth': torch.ones(1)},
        lambda rows: {**rows, 'depth': torch.full((52,), torch.nan)},
        lambda rows: {'rgb': rows['rgb']},
        lambda rows: {},
    ],
    ids=['short', 'one number', 'nan', 'one row less', 'no rows'],
)
def test_damaged_rows(fresh, path, rewrite, damage):
    rewrite(damage)
    assert_refused(fresh, path, 'is damaged')


@pytest.mark.parametrize(
    'seen', [..., None, {}, {'rgb': 1}, {'rgb': 1, 'depth': 'x'}, [1, 2]]
)
def test_damaged_counts(fresh, path, rewrite, seen):
    rewrite(samples_seen=seen)
    assert_refused(fresh, path, 'is damaged')


KEYS = (
    'method',
    'options',
    'rows',
    'row_options',
    'network',
    'stack',
    'sites',
    'batch_major',
    'identity',
    'base',
    'combinations',
    'mmseg_missing_version',
)


@pytest.mark.parametrize('key', KEYS)
@pytest.mark.parametrize(
    'value', [None, 3, True, [3], [[]], {'a': [1]}, 'x y']
)
def test_damaged_metadata(fresh, path, rewrite, key, value):
    if (key, value) in (('mmseg_missing_version', 'x y'),):
        return  # any text will do
    rewrite(**{key: value})
    words = f'is damaged.*(its {key}|fewer numbers)|is for another {key}'
    assert_refused(fresh, path, words)


@pytest.mark.parametrize('key', ['method', 'rows', 'stack', 'sites', 'base'])
def test_metadata_that_are_missing(fresh, path, rewrite, key):
    rewrite(**{key: ...})
    assert_refused(fresh, path, f'is damaged.*its {key}')


def test_failed_write_keeps_the_old_file(network, path):
    old = path.read_bytes()
    with pytest.raises(TypeError):
        save_adapter(network, path, {'results': object()})
    assert path.read_bytes() == old


def test_results_may_be_numbers_of_any_kind(network, path):
    results = {'mIoU': torch.tensor(1.5), 'aAcc': np.float32(2.5)}
    save_adapter(network, path, {'results': results})
    metadata, _ = read_adapter(path)
    assert metadata['results'] == {'mIoU': 1.5, 'aAcc': 2.5}


def test_folder_that_cannot_be_written(network, tmp_path):
    with pytest.raises(OSError, match=r'cannot write .*nowhere/a\.safet'):
        save_adapter(network, tmp_path / 'nowhere' / 'a.safetensors')


def test_fingerprint(make_network, network):
    base = make_network()
    assert fingerprint(network) == fingerprint(base)  # adapters do not count
    assert fingerprint(base.half().float()) != fingerprint(network)
    twin = make_network().double()
    assert fingerprint(twin) == fingerprint(network)
    twin.tokens.weight.data = twin.tokens.weight.data.reshape(2, 3)
    assert fingerprint(twin) != fingerprint(network)
    renamed = make_network()
    renamed.last = renamed.head
    del renamed.head
    assert fingerprint(renamed) != fingerprint(network)


def test_base_state(network, make_network):
    base = make_network()
    assert list(base_state(network)) == list(base.state_dict())
    assert adapter_prefixes(network) == ('adapters.',)
    assert adapter_prefixes(base) == ()


def test_load_base(make_network, network, x):
    other = make_network()
    with torch.no_grad():
        other.stem.weight.mul_(2)
    load_base(network, other.state_dict(), 'base.pth')
    with network.adapters.told([(True, True)] * 2):
        assert torch.equal(network(x), other(x))
    assert network.adapters.samples_seen.any()
    assert not network.stem.weight.requires_grad


def drop(state):
    del state['stem.weight']


def add(state):
    state['stem.bias'] = torch.zeros(6)


def reshape(state):
    state['head.weight'] = torch.zeros(3, 6)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (drop, r"1 keys are missing \['stem.weight'\], 0 are unknown"),
        (add, r"0 keys are missing \[\], 1 are unknown \['stem.bias'\]"),
        (reshape, r"'head.weight' has shape \(3, 6\), expected \(2, 6\)"),
    ],
)
def test_load_base_refuses(make_network, network, change, words):
    state = {k: v + 1 for k, v in make_network().state_dict().items()}
    change(state)
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match=f"'base.pth' is no base.*{words}"):
        load_base(network, state, 'base.pth')
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])


def test_joined_state_is_no_base(network):
    with pytest.raises(ValueError, match='sibling config without adapter'):
        load_base(network, network.state_dict(), 'epoch_3.pth')


def test_a_checkpoint_of_other_modalities(make_network):
    """No adapter is in the way, so none is blamed."""
    network = make_network()
    state = dict(list(network.state_dict().items())[1:])
    with pytest.raises(ValueError, match=r'1 keys are.*the same modalities$'):
        load_base(network, state, 'epoch_3.pth')


# --- what anybody may have written ---


def with_header(path, change):
    """Write the file with its header changed, the numbers as they are."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], 'little')
    header = change(data[8 : 8 + size])
    path.write_bytes(
        len(header).to_bytes(8, 'little') + header + data[8 + size :]
    )


@pytest.mark.parametrize('place', [0.02, 0.5, 0.8, 0.98])
def test_a_flipped_bit(fresh, path, place):
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 1
    path.write_bytes(data)
    assert_refused(fresh, path, 'is damaged')


def test_other_counts_are_noticed_too(fresh, path):
    """The sum covers the metadata."""
    with_header(path, lambda h: h.replace(b'\\"rgb\\": 11', b'\\"rgb\\": 12'))
    assert_refused(fresh, path, 'the sha256 differs')


def test_old_files_load_with_a_warning(fresh, path):
    metadata, rows = read_adapter(path)
    metadata.pop('sha256')
    metadata['format_version'] = 1
    texts = {key: json.dumps(value) for key, value in metadata.items()}
    save_file(rows, path, texts)
    with pytest.warns(UserWarning, match=r'older version, without a sha256'):
        load_adapter(fresh, path)
    assert fresh.adapters.trained == ('rgb', 'depth')
    save_file(rows, path, {**texts, 'format_version': '2'})
    assert_refused(fresh, path, 'its sha256 is missing')


def test_old_files_with_patterns(make_network, stack, train_rows, path):
    """Version 1 repeats the patterns that the network was given."""
    options = {'rank': 1, 'rank_pattern': {'b.*0': 2, 'head': 3}}
    network = make_network()
    train_rows(attach(network, stack, LowRank, **options))
    save_adapter(network, path)
    metadata, rows = read_adapter(path)
    names = {'(?:body\\.0)': 2, '(?:head)': 3}
    assert metadata['options']['rank_pattern'] == names
    metadata['options']['rank_pattern'] = options['rank_pattern']
    path.write_bytes(encode(rows, {**metadata, 'format_version': 1}))
    load_adapter(network, path)
    network = make_network()
    attach(network, stack, LowRank, rank=1, rank_pattern=names)
    save_adapter(train_rows(network.adapters) and network, path)
    load_adapter(network, path)


@pytest.mark.parametrize(
    'changes',
    [
        {'rows': 'hyper', 'row_options': {'rank': 200_000}},
        {'rows': 'hyper', 'row_options': {'rank': 2**62, 'hidden': 2**62}},
        {'rows': 'experts', 'row_options': {'experts': 4000}},
        {'row_options': {'rank': 3}},
        {'sites': [['stem', 'Conv2d', 2**40]]},
        {'sites': [['stem', 'Conv2d', 52], ['stem', 'Conv2d', 52]]},
        {'stack': [['rgb', 4095, [0.0] * 4095, [1.0] * 4095]]},
        {'stack': [['rgb', 2**40, [0.0], [1.0]]]},
        {'stack': [[f'm{i}', 1, [0.0], [1.0]] for i in range(64)]},
        {'stack': [['rgb', 3, [float('nan')] * 3, [1.0] * 3]] * 2},
        {'fill': {'rgb': 'copy:nothing'}},
        {'fill': {'rgb': {}}},
        {'fill': 3},
        {'root': 3},
        {'results': [3]},
        {'samples_seen': {'rgb': 11, 'depth + rgb': 2}},
        {'samples_seen': {'rgb': 11, 'depth': True}},
        {'samples_seen': {'rgb': 11, 'depth': 2**63}},
        {'note': 'a\x1b[31m'},
        {'note': '\u202e'},
        {'note\x07': 1},
        {'note': [[[[[[[[[[1]]]]]]]]]]},
        {'note': 'a' * 5000},
        {'note': 'a' * 2**22},
    ],
)
def test_metadata_out_of_bounds(fresh, path, rewrite, changes):
    rewrite(**changes)
    assert_refused(fresh, path, 'is damaged')


@pytest.mark.parametrize(
    'change',
    [
        lambda h: h.replace(b'F32', b'I32'),
        lambda h: h.replace(b'"depth"', b'"rgb"'),
        lambda h: h.replace(b'[52]', b'[-1]'),
        lambda h: h.replace(b'[52]', b'[[]]'),
        lambda h: h.replace(b'[52]', b'{}'),
        lambda h: b'[' * len(h),
        lambda h: b'[' * 2**21,
        lambda h: b'{"a":' * 2**18,
        lambda h: b'1' * 2**16,
        lambda h: b'3',
        lambda h: b'\xff' * len(h),
        lambda h: b'{"__metadata__": 3}',
        lambda h: b'{"__metadata__": {"format_version": 2}}',
        lambda h: b'{"__metadata__": {"format_version": "[["}}',
        lambda h: b'{"__metadata__": {"format_version": "[]"}}',
        lambda h: b'{"a": 3}',
    ],
)
def test_header_out_of_bounds(fresh, path, change):
    with_header(path, change)
    assert_refused(fresh, path, 'is damaged')


def test_larger_than_any(fresh, path):
    with path.open('r+b') as file:
        file.truncate(2**33)  # a hole, which takes no room
    assert_refused(fresh, path, 'larger than 4 GiB')


def test_what_cannot_be_read_is_not_written(network, path):
    old = path.read_bytes()
    with pytest.raises(ValueError, match=r'was not written, because a text'):
        save_adapter(network, path, {'note': '\x1b[2J'})
    network.adapters.rows.table['rgb'].data[3] = torch.inf
    with pytest.raises(ValueError, match=r"not written.*'rgb' are not finite"):
        save_adapter(network, path)
    assert path.read_bytes() == old


def test_names_of_layers_are_no_patterns():
    """From a file come names; matching one takes no regex, and no time."""
    from mmseg_missing.adapters.sites import exactly, is_name, matches

    assert is_name('stem') and is_name('a.b-c.0') and is_name(exactly('a(b)*'))
    assert matches(exactly('a(b)*'), 'a(b)*')
    for pattern in ('(a*)*b', '.*', 'a|b', '(?:(a*)*)', '(?:a.b)'):
        assert not is_name(pattern)


def test_tensors_come_in_one_order(network, path):
    """Whoever reads a file twice may compare them pair by pair."""
    orders = {tuple(read_adapter(path)[1]) for _ in range(20)}
    assert orders == {tuple(sorted(network.adapters.trained))}

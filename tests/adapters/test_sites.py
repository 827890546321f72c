"""Which layers are sites."""

import pytest
import torch
from torch import nn

from mmseg_missing.adapters import Bias, attach, find_sites, fold

ALL = ['stem', 'norm', 'body.0', 'tokens', 'head']
BOTH, RGB = (True, True), (True, False)


def names(sites):
    return [site.name for site in sites]


def test_default_is_every_layer_that_can_be_modulated(make_network):
    sites = find_sites(make_network())
    assert names(sites) == ALL
    assert [(s.kind, s.num_features, s.channel_dim) for s in sites] == [
        ('Conv2d', 6, 1),
        ('BatchNorm2d', 6, 1),
        ('Conv2d', 6, 1),
        ('LayerNorm', 6, -1),
        ('Linear', 2, -1),
    ]


def test_within(make_network):
    network = make_network()
    assert names(find_sites(network, within=['body'])) == ['body.0']
    # 'norm' is a whole name, no beginning of one; one pass is enough.
    network.normal = nn.Linear(2, 2)
    assert names(find_sites(network, within=iter(['norm']))) == ['norm']


@pytest.mark.parametrize(
    ('patterns', 'expected'),
    [
        (['head'], ['head']),
        (['body.0'], ['body.0']),
        (['0'], ['body.0']),  # dotted suffix
        ([r'body\.\d+'], ['body.0']),
        (['.*'], ALL),
        (['(stem|head)'], ['stem', 'head']),
        (['head', 'stem'], ['stem', 'head']),  # the network's order
        (['stem', 'st.m'], ['stem']),  # once
    ],
)
def test_patterns(make_network, patterns, expected):
    assert names(find_sites(make_network(), patterns)) == expected


@pytest.mark.parametrize(
    'pattern',
    ['ste', 'em', 'ody.0', 'lidar', 'body', 'drop', r'body\.\d', 'hea.?x'],
)
def test_no_substring_and_no_silent_miss(make_network, pattern):
    network = make_network()
    if pattern == r'body\.\d':
        network.body[0] = nn.Identity()  # matches only what has no channels
    with pytest.raises(ValueError) as error:
        find_sites(network, ['stem', pattern])
    assert repr(pattern) in str(error.value)
    assert '`model.adapter.sites`' in str(error.value)


def test_biases_that_are_there(make_network, stack, x, train_rows):
    network = make_network()
    bank = train_rows(attach(network, stack, Bias))
    assert names(bank.sites) == [name for name in ALL if name != 'stem']
    with bank.told([RGB, RGB]):
        expected = network(x)
    assert fold(network, 'rgb') == []
    torch.testing.assert_close(network(x), expected)
    with pytest.raises(ValueError, match="'stem' matched no layer"):
        attach(make_network(), stack, Bias, sites=['stem'])


@pytest.mark.parametrize(
    ('patterns', 'words'),
    [
        (['conv['], r"'conv\[' is no regular expression"),
        ([], 'no layer that this method'),
    ],
)
def test_patterns_that_cannot_work(make_network, patterns, words):
    with pytest.raises(ValueError, match=words):
        find_sites(make_network(), patterns)


def test_network_without_layers():
    with pytest.raises(ValueError, match=r'ReLU has no.*`model\.adapter\.si'):
        find_sites(nn.ReLU())


def test_shared_layer_is_one_site(make_network):
    network = make_network()
    network.again = network.head
    assert names(find_sites(network)) == ALL


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = nn.MultiheadAttention(6, 2, batch_first=True)
        self.out_proj = nn.Linear(6, 6)

    def forward(self, x):
        return self.out_proj(self.attn(x, x, x)[0])


def test_out_proj_is_left_out():
    assert names(find_sites(Attention())) == ['out_proj']
    # The attention itself as root.
    with pytest.raises(ValueError, match='no layer that'):
        find_sites(nn.MultiheadAttention(6, 2))


@pytest.mark.parametrize('pattern', ['attn.out_proj', '.*out_proj'])
def test_out_proj_is_refused(pattern):
    with pytest.raises(ValueError, match=r"'attn.out_proj' is never called"):
        find_sites(Attention(), [pattern])


class Windows(nn.Module):
    """Cuts (n, 6, 3) into windows, sample by sample, as Swin does."""

    def __init__(self, is_window_major=False):
        super().__init__()
        self.is_window_major = is_window_major
        self.inner = nn.Linear(3, 3)

    def forward(self, x):
        windows = x.unflatten(1, (2, 3))
        if self.is_window_major:
            windows = windows.transpose(0, 1)
        y = self.inner(windows.flatten(0, 1))
        y = y.unflatten(0, windows.shape[:2])
        if self.is_window_major:
            y = y.transpose(0, 1)
        return y.flatten(1, 2)


def test_batch_major(stack, train_rows):
    network = Windows().double()
    x = torch.randn(5, 6, 3, dtype=torch.float64)
    base = network(x)
    train_rows(attach(network, stack, batch_major=['inner']))
    assert network.adapters.sites[0].is_batch_major
    present = [BOTH, RGB, (False, True), RGB, BOTH]
    with network.adapters.told(present):
        mixed = network(x)
    assert torch.equal(mixed[0], base[0]) and torch.equal(mixed[4], base[4])
    for i, flags in enumerate(present):
        with network.adapters.told([flags]):
            alone = network(x[i : i + 1])[0]
        torch.testing.assert_close(mixed[i], alone)
        assert torch.equal(alone, base[i]) == (flags == BOTH)


@pytest.mark.parametrize('batch_major', [(), ['inner']])
def test_wrong_leading_dimension(stack, batch_major):
    network = Windows()
    bank = attach(network, stack, batch_major=batch_major)
    x = torch.randn(3, 6, 3)
    told = [BOTH] * 3 if not batch_major else [BOTH] * 4
    words = r"'inner' gives 6 entries for \d samples.*`model\.adapter\.batch_"
    with bank.told(told), pytest.raises(ValueError, match=words):
        network(x)


@pytest.mark.parametrize('pattern', ['outer', 'inn', 'inner['])
def test_batch_major_pattern_without_a_match(stack, pattern):
    with pytest.raises(ValueError) as error:
        attach(Windows(), stack, batch_major=[pattern])
    assert repr(pattern) in str(error.value)


def test_norm_of_unknown_layout_is_refused():
    class Norm2d(nn.LayerNorm):
        """Norms channel-first maps and does not say so."""

    network = nn.Sequential(Norm2d(3), nn.Conv2d(3, 5, 1))
    for patterns in (None, ['0']):
        with pytest.raises(ValueError, match=r"'0' is a Norm2d.*`channel_di"):
            find_sites(network, patterns)
    assert names(find_sites(network, ['1'])) == ['1']


def test_sites_from_a_file(make_network, tmp_path):
    path = tmp_path / 'sites.json'
    path.write_text('{"sites": ["norm", "body.0"], "budget": 0.25}')
    found = find_sites(make_network(), str(path))
    assert names(found) == ['norm', 'body.0']


def test_a_file_made_for_another_network(make_network, tmp_path):
    """No pattern is shown that the user did not write."""
    path = tmp_path / 'sites.json'
    path.write_text('{"sites": ["body.1-x"]}')
    words = r"'body\.1-x' matched no layer.*config that this file was made for"
    with pytest.raises(ValueError, match=words):
        find_sites(make_network(), str(path))


@pytest.mark.parametrize('text', ['', '[]', '{"sites": 3}', '{"site": []}'])
def test_files_that_hold_no_sites(make_network, tmp_path, text):
    path = tmp_path / 'sites.json'
    path.write_text(text)
    with pytest.raises(ValueError, match='is no file of adapter sites'):
        find_sites(make_network(), str(path))


def test_no_file_of_sites(make_network):
    with pytest.raises(FileNotFoundError, match=r"'stem'.*takes a list"):
        find_sites(make_network(), 'stem')


def test_modules_that_keep_what_they_compute(make_network):
    network = make_network()
    assert not any(site.is_kept for site in find_sites(network))
    network.body.keeps_outputs = True
    kept = [site.name for site in find_sites(network) if site.is_kept]
    assert kept == ['body.0']
    network.keeps_outputs = True
    assert all(site.is_kept for site in find_sites(network))

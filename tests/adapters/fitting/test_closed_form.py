"""Rows in closed form, against exact repairs and torch's own statistics."""

import copy

import pytest
import torch
from torch import nn

from mmseg_missing.adapters import (
    Bias,
    LowRank,
    NormTuning,
    ScaleShift,
    Shift,
    attach,
    base_state,
)
from mmseg_missing.adapters.fitting.closed_form import SCALES, fit_rows
from mmseg_missing.adapters.fitting.moments import PairedMoments
from mmseg_missing.fill import fill_absent
from mmseg_missing.modality import Stack

FULL = 'rgb+depth'


class Convs(nn.Module):
    """Two batch norms in a row, one layer without; (n, 4, h, w)."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 6, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 5, 3)
        self.bn2 = nn.BatchNorm2d(5, affine=False)
        self.last = nn.Conv2d(5, 2, 1)

    def forward(self, x):
        x = self.bn1(self.conv1(x)).relu()
        return self.last(self.bn2(self.conv2(x)).relu())


@pytest.fixture
def base():
    torch.manual_seed(0)
    network = Convs()
    for norm in (network.bn1, network.bn2):
        norm.running_mean.normal_()
        norm.running_var.uniform_(1, 2)
    nn.init.uniform_(network.bn1.weight, 0.5, 2)
    nn.init.normal_(network.bn1.bias)
    return network.double().eval()


@pytest.fixture
def batches():
    """Two batches of different size."""
    torch.manual_seed(1)
    return [torch.randn(n, 4, 7, 11, dtype=torch.float64) for n in (5, 3)]


def hang(network, stack, method=ScaleShift, **options):
    """Attach in float64; return the network."""
    attach(network, stack, method, **options)
    return network.double()


def runner(network, missing):
    """Return ``run``; ``missing(x, name)`` is what an incomplete x is."""
    bank = network.adapters

    def run(x, names):
        present = bank.stack.present([name for name in names for _ in x])
        halves = [x if n == bank.stack.full else missing(x, n) for n in names]
        with bank.told(present):
            return network(torch.cat(halves))

    return run


def filled(stack):
    def missing(x, name):
        present = stack.present(name).expand(len(x), -1)
        return fill_absent(x, present, stack)

    return missing


def fit(network, missing, batches, **options):
    """Fit, write, and return the numbers."""
    found = fit_rows(network, runner(network, missing), batches, **options)
    network.adapters.write_all(found, samples=3)
    return found


class TestMoments:
    def test_an_affine_change_is_repaired_exactly(self, stack, batches):
        torch.manual_seed(0)
        network = nn.Module()
        network.stem = nn.Conv2d(4, 4, 1, groups=4)
        network.rest = nn.Conv2d(4, 3, 3)
        network.forward = lambda x: network.rest(network.stem(x).tanh())
        hang(network.eval(), stack)
        gain = torch.tensor([0.6, 0.9, 1.1, 1.9]).double()[:, None, None]

        def missing(x, name):
            return gain * x + len(name)

        fit(network, missing, batches)

        (x, _), run = batches, runner(network, missing)
        full = run(x, [FULL])
        for name in ('rgb', 'depth'):
            torch.testing.assert_close(run(x, [name]), full)

    def test_all_present_is_the_base(self, base, stack, batches):
        network = hang(copy.deepcopy(base), stack)
        found = fit(network, filled(stack), batches)

        for numbers in found.values():
            assert (numbers != network.adapters.identity).any()
        full = runner(network, filled(stack))(batches[0], [FULL])
        assert torch.equal(full, base(batches[0]))

    def test_each_site_sees_what_the_repaired_ones_give(
        self, base, stack, batches
    ):
        """With the rows in place no better map within the bounds is left."""
        bank = hang(base, stack).adapters
        found = fit(base, filled(stack), batches[:1])
        for name, numbers in found.items():
            with PairedMoments(base, bank.sites) as watched:
                runner(base, filled(stack))(batches[0], [FULL, name])
            parts = numbers.split(bank.widths)
            for moments, part in zip(watched.moments, parts, strict=True):
                scale = part.chunk(2)[0]
                free = (scale > SCALES[0]) & (scale < SCALES[1])
                more = moments.affine()[0][free]
                torch.testing.assert_close(more, torch.ones_like(more))
                torch.testing.assert_close(moments.mean_x, moments.mean_y)

    def test_a_constant_channel_gets_a_shift_alone(self, base, stack, batches):
        conv = copy.deepcopy(base.conv1)
        hang(base, stack, sites=['conv1'])

        numbers = fit(base, lambda x, name: torch.ones_like(x), batches)['rgb']

        scale, shift = numbers.chunk(2)
        assert torch.equal(scale, torch.ones_like(scale))
        full = torch.cat([conv(x) for x in batches]).mean((0, 2, 3))
        constant = conv(torch.ones_like(batches[0])).mean((0, 2, 3))
        torch.testing.assert_close(shift, full - constant)

    def test_scales_stay_within_bounds(self, base, stack, batches):
        hang(base, stack, sites=['conv1'])
        for gain, bound in ((0.01, SCALES[1]), (100.0, SCALES[0])):

            def missing(x, name, gain=gain):
                return gain * x

            scale = fit(base, missing, batches)['rgb'].chunk(2)[0]

            assert torch.equal(scale, torch.full_like(scale, bound))

    @pytest.mark.parametrize(
        ('method', 'sites'),
        [(Shift, ['conv1', 'bn2']), (Bias, ['conv2', 'last'])],
    )
    def test_a_shift_alone(self, base, stack, batches, method, sites):
        hang(base, stack, method, sites=sites)
        fit(base, filled(stack), batches[:1])
        with PairedMoments(base, base.adapters.sites) as watched:
            runner(base, filled(stack))(batches[0], [FULL, 'depth'])
        for moments in watched.moments:
            torch.testing.assert_close(moments.mean_x, moments.mean_y)

    def test_starts_from_the_base(self, base, stack, batches, train_rows):
        network = hang(copy.deepcopy(base), stack)
        hang(base, stack)
        train_rows(network.adapters)
        before = copy.deepcopy(network.state_dict())

        theirs, ours = (
            fit_rows(n, runner(n, filled(stack)), batches)
            for n in (base, network)
        )

        torch.testing.assert_close(ours, theirs)
        for key, value in network.state_dict().items():
            assert torch.equal(value, before[key]), key
        assert not network.adapters.is_bypassed


class TestNormStatistics:
    BY = {'by': 'norm_statistics'}

    @pytest.mark.parametrize('method', [NormTuning, ScaleShift])
    def test_equals_train_mode_of_torch(self, base, stack, batches, method):
        missing = filled(stack)
        network = hang(copy.deepcopy(base), stack, method)
        fit(network, missing, batches, **self.BY)
        for name in ('rgb', 'depth'):
            torchs = copy.deepcopy(base)
            for norm in (torchs.bn1, torchs.bn2):
                norm.reset_running_stats()
                norm.momentum = None
            torchs.train()
            for x in batches:
                torchs(missing(x, name))
            torchs.eval()

            ours = runner(network, missing)(batches[0], [name])

            theirs = torchs(missing(batches[0], name))
            torch.testing.assert_close(ours, theirs)
            assert (theirs - base(missing(batches[0], name))).abs().max() > 0.1

    def test_the_base_stays(self, base, stack, batches):
        network = hang(copy.deepcopy(base), stack)
        fit(network, filled(stack), batches, **self.BY)

        for key, value in base_state(network).items():
            assert torch.equal(value, base.state_dict()[key]), key
        assert not network.bn1.training
        assert network.bn1.momentum == base.bn1.momentum

    def test_other_sites_stay(self, base, stack, batches):
        bank = hang(base, stack).adapters
        numbers = fit(base, filled(stack), batches, **self.BY)['rgb']

        changed = [
            site.name
            for site, part, same in zip(
                bank.sites,
                numbers.split(bank.widths),
                bank.identity.split(bank.widths),
                strict=True,
            )
            if not torch.equal(part, same)
        ]
        assert changed == ['bn1', 'bn2']

    def test_network_without_batch_norm(self, base, stack, batches):
        hang(base, stack, sites=['conv1', 'last'])
        with pytest.raises(ValueError, match='no site of Convs is a batch n'):
            fit(base, filled(stack), batches, **self.BY)

    def test_the_base_stays_when_it_breaks(self, base, stack):
        hang(base, stack)
        with pytest.raises(RuntimeError):
            fit(base, filled(stack), [torch.zeros(2, 4, 1, 1)], **self.BY)
        assert not base.bn1.training and base.bn1.running_var.min() >= 1


@pytest.mark.parametrize('by', ['moments', 'norm_statistics'])
class TestCombinations:
    def test_additive_rows_come_from_one_loss(self, base, batches, by):
        stack = Stack([{'name': n, 'channels': 1} for n in 'abcd'])
        network = hang(base, stack, rows='additive')
        found = fit(network, filled(stack), batches, by=by)

        assert set(found) == {'a+b+c', 'a+b+d', 'a+c+d', 'b+c+d'}
        for name, numbers in found.items():
            (used,) = network.adapters.numbers(stack.present(name))
            torch.testing.assert_close(used, numbers)

    def test_additive_rows_come_closest(self, base, batches, by):
        """Three combinations, two vectors: least squares by hand."""
        stack = Stack([{'name': n, 'channels': 1} for n in 'abcd'])
        bank = hang(base, stack, rows='additive').adapters
        chosen = ['a+b+c', 'a+b+d', 'a+b']
        found = fit(base, filled(stack), batches, by=by, combinations=chosen)
        d, c, both = (found[n] - bank.identity for n in chosen)
        lack = (both - c - d) / 3
        for name, row in (('a+b+c', d), ('a+b+d', c)):
            (used,) = bank.numbers(stack.present(name))
            torch.testing.assert_close(used, bank.identity + row + lack)
        assert bank.samples_seen.count_nonzero() == 3

    def test_additive_rows_of_one_sensor(self, base, batches, by):
        """Two modalities fail together: their vectors share the row."""
        stack = Stack(
            [
                {'name': n, 'channels': 1, 'sensor': s}
                for n, s in zip('abcd', 'xxyy', strict=True)
            ]
        )
        network = hang(base, stack, rows='additive')
        found = fit(network, filled(stack), batches, by=by)
        assert set(found) == {'a+b', 'c+d'}
        for name, numbers in found.items():
            (used,) = network.adapters.numbers(stack.present(name))
            torch.testing.assert_close(used, numbers)
        missing = network.adapters.rows.missing
        torch.testing.assert_close(missing['a'], missing['b'])

    def test_chosen_ones(self, base, stack, batches, by):
        found = fit(
            hang(base, stack),
            filled(stack),
            batches,
            by=by,
            combinations=['rgb'],
        )
        assert set(found) == {'rgb'}
        assert base.adapters.trained == ('rgb',)

    @pytest.mark.parametrize(
        ('options', 'asked', 'words'),
        [
            ({'rows': 'hyper'}, None, "`model.adapter.rows` to 'table'"),
            ({'rows': 'experts'}, None, 'experts rows are mixed out of'),
            ({'method': LowRank, 'rank': 1}, None, 'not a LowRank'),
            ({}, [FULL], 'no rows of their own'),
            ({}, ['lidar'], "unknown modality 'lidar'"),
            ({'combinations': ['rgb']}, ['depth'], 'no rows of their own'),
        ],
    )
    def test_what_has_no_closed_form(
        self, base, stack, batches, by, options, asked, words
    ):
        hang(base, stack, **options)
        with pytest.raises(ValueError, match=words):
            fit(base, filled(stack), batches, by=by, combinations=asked)

    def test_nothing_to_fit_on(self, base, stack, by):
        with pytest.raises(ValueError, match='no batch'):
            fit(hang(base, stack), filled(stack), [], by=by)


def test_unknown_way(base, stack, batches):
    with pytest.raises(ValueError, match=r"one of moments, .* got 'magic'"):
        fit(hang(base, stack), filled(stack), batches, by='magic')

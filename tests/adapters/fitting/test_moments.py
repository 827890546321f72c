"""Paired moments against two-pass formulas and hand-worked numbers."""

import pytest
import torch
from torch import nn

from mmseg_missing.adapters import find_sites
from mmseg_missing.adapters.fitting.moments import Moments, PairedMoments


def channels(*rows):
    """(C, count) as a tensor whose channels come last."""
    return torch.tensor(rows, dtype=torch.float64).T


@pytest.fixture
def pairs():
    torch.manual_seed(0)
    x = torch.randn(4, 3, 5, 7, dtype=torch.float64) + 100
    return x, 0.5 * x + torch.randn_like(x) - 3


class TestMoments:
    def test_by_hand(self):
        x, y = channels([0.0, 2.0]), channels([1.0, 5.0])

        moments = Moments.of(x, y, -1)

        assert (moments.count, moments.mean_x, moments.mean_y) == (2, 1, 3)
        assert (moments.var_x, moments.var_y, moments.cov) == (1, 4, 2)
        assert moments.affine() == (2, 1)
        assert moments.error() == (1 + 9) / 2
        assert moments.error(*moments.affine()) == 0

    def test_adding_up_equals_one_pass(self, pairs):
        x, y = pairs
        whole = Moments.of(x, y, 1)

        parts = Moments.of(x[:1], y[:1], 1) + Moments.of(x[1:], y[1:], 1)

        assert parts.count == whole.count == 4 * 5 * 7
        for key in ('mean_x', 'mean_y', 'var_x', 'var_y', 'cov'):
            part, all_at_once = getattr(parts, key), getattr(whole, key)
            torch.testing.assert_close(part, all_at_once)

    def test_no_affine_map_is_better(self, pairs):
        x, y = pairs
        moments = Moments.of(x, y, 1)
        scale, shift = moments.affine()
        fixed = scale.view(-1, 1, 1) * x + shift.view(-1, 1, 1)

        best = moments.error(scale, shift)

        torch.testing.assert_close(best, (y - fixed).square().mean((0, 2, 3)))
        for ds, dt in ((1e-3, 0), (-1e-3, 0), (0, 1e-2), (0, -1e-2)):
            assert (moments.error(scale + ds, shift + dt) > best).all()

    def test_a_constant_gets_a_shift_alone(self):
        moments = Moments.of(
            torch.full((64, 1), 0.1), torch.arange(64.0)[:, None], -1
        )

        scale, shift = moments.affine()

        assert scale == 1
        torch.testing.assert_close(shift, torch.tensor([31.4]).double())


class Twice(nn.Module):
    """A network that runs one of its layers twice and one never."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 1)
        self.norm = nn.LayerNorm(3)
        self.spare = nn.Linear(3, 3)

    def forward(self, x):
        x = self.conv(x).permute(0, 2, 3, 1)
        return self.norm(self.norm(x) + 1)


class TestPairedMoments:
    @pytest.fixture
    def network(self):
        torch.manual_seed(0)
        return Twice().eval()

    @pytest.fixture
    def batch(self):
        full = torch.randn(2, 2, 5, 7)
        return torch.cat([full, full * torch.tensor([1.0, 0]).view(2, 1, 1)])

    def test_measures_what_the_layers_give(self, network, batch):
        sites = find_sites(network)
        with PairedMoments(network, sites) as watched, torch.no_grad():
            network(batch)
            network(batch.flip(1))

        both = network.conv(batch), network.conv(batch.flip(1))
        full = torch.cat([x[:2] for x in both])
        missing = torch.cat([x[2:] for x in both])
        expected = Moments.of(missing.detach(), full.detach(), 1)
        torch.testing.assert_close(watched.moments[0].cov, expected.cov)
        torch.testing.assert_close(watched.moments[0].mean_x, expected.mean_x)
        assert watched.moments[1].count == 2 * watched.moments[0].count
        assert sites[2].name == 'spare' and watched.moments[2] is None

    def test_lets_go_and_changes_nothing(self, network, batch):
        expected = network(batch)

        with PairedMoments(network, find_sites(network)):
            watched = network(batch)

        assert torch.equal(watched, expected)
        assert not any(m._forward_hooks for m in network.modules())

    def test_what_follows_sees_the_corrected_half(self, network, batch):
        def correct(index, moments):
            return moments.affine() if index == 0 else None

        sites = find_sites(network)
        with PairedMoments(network, sites, correct) as watched:
            output = network(batch)

        conv = network.conv(batch)
        scale, shift = (t.float() for t in watched.moments[0].affine())
        conv[2:] = scale.view(3, 1, 1) * conv[2:] + shift.view(3, 1, 1)
        norm = network.norm(conv.permute(0, 2, 3, 1))
        torch.testing.assert_close(output, network.norm(norm + 1))

    def test_two_halves_are_needed(self, network, batch):
        watched = PairedMoments(network, find_sites(network))

        with watched, pytest.raises(ValueError, match="'conv' gives 3 entr"):
            network(batch[:3])

"""Drift between full and missing input."""

import pytest
import torch

from mmseg_missing.adapters import find_sites
from mmseg_missing.adapters.fitting.moments import Moments
from mmseg_missing.evaluation.batches import restrict
from mmseg_missing.importance.drift import Drift, SiteDrift


def moments(x, y):
    rows = [torch.tensor(t).double()[:, None] for t in (x, y)]
    return Moments.of(*rows, -1)


def test_what_an_affine_map_repairs():
    drift = SiteDrift.of(moments([0.0, 2.0], [1.0, 5.0]))

    assert drift.error == pytest.approx((5 / 13) ** 0.5)
    assert drift.r2_raw == pytest.approx(1 - 5 / 4)
    assert drift.r2_affine == pytest.approx(1)
    assert drift.gain == pytest.approx(1)


def test_what_it_does_not():
    drift = SiteDrift.of(moments([0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]))

    assert drift.r2_affine == pytest.approx(0)
    assert drift.r2_raw == pytest.approx(-1)
    assert drift.gain == pytest.approx(0)


class TestDrift:
    @pytest.fixture
    def network(self, build):
        return build()

    def test_is_that_of_separate_forwards(self, network, batch):
        [site] = find_sites(network, [r'backbone\.fuse\.1\.norm'])
        drift = Drift(network, network, [site], ['rgb'])
        inputs, samples = batch(network, 3)
        seen = []
        layer = network.get_submodule(site.name)
        handle = layer.register_forward_hook(lambda *a: seen.append(a[2]))
        with torch.no_grad():
            for present in torch.tensor([[True, True], [True, False]]):
                network(inputs, restrict(samples, present), mode='tensor')
        handle.remove()

        for part in (slice(0, 2), slice(2, 3)):
            list(drift.add(inputs[part], samples[part]))

        found = drift.report()['rgb'][site.name]
        expected = SiteDrift.of(Moments.of(seen[1], seen[0], 1))
        assert found.error == pytest.approx(expected.error, rel=1e-4)
        assert found.r2_raw == pytest.approx(expected.r2_raw, rel=1e-4)
        assert found.r2_affine == pytest.approx(expected.r2_affine, rel=1e-4)
        assert expected.error > 0.01

    def test_streams_of_what_is_there_do_not_drift(self, network, batch):
        sites = find_sites(network, within=['backbone'])
        drift = Drift(network, network, sites, ['rgb', 'depth'])

        assert list(drift.add(*batch(network))) == ['rgb', 'depth']

        found = drift.report()
        first = 'backbone.stages.0.embed.proj'
        assert found['rgb'][first].error < 1e-6
        assert found['depth'][first].error > 0.5
        assert found['depth'][first].r2_affine == pytest.approx(0, abs=1e-6)

"""Gradients of adapters at the identity."""

import pytest
import torch

from mmseg_missing.evaluation.batches import restrict
from mmseg_missing.importance.analyzer import build_probe
from mmseg_missing.importance.sensitivity import Sensitivity, SiteSensitivity


def test_by_hand():
    found = SiteSensitivity.of(torch.tensor([[3.0, 1.0], [1.0, -1.0]]))

    # Means 2 and 0; mean squares 5 and 1; variances 1 and 1.
    assert found.sensitivity == pytest.approx(4)
    assert found.fisher == pytest.approx(6)
    assert found.snr == pytest.approx(4)
    assert found.l1 == pytest.approx(2)
    assert found.cost == 2


def test_a_gradient_that_never_varies_stays_finite():
    found = SiteSensitivity.of(torch.ones(2, 3))

    assert found.snr < 1e8
    assert SiteSensitivity.of(torch.zeros(2, 3)).snr == 0


@pytest.fixture
def measured(build, tiny, batch):
    network = build()
    probe = build_probe(network, tiny)
    names = ['rgb', 'depth']
    sensitivity = Sensitivity(probe, probe.adapters.train(), names)
    inputs, samples = batch(network, 4)
    for part in (slice(0, 2), slice(2, 4)):
        assert list(sensitivity.add(inputs[part], samples[part])) == names
    return probe, sensitivity, inputs, samples


def test_a_loss_that_is_not_finite_stops(measured):
    _, sensitivity, inputs, samples = measured
    with pytest.raises(ValueError, match='loss under rgb is not finite'):
        list(sensitivity.add(inputs.fill_(torch.nan), samples))


def test_gradients_predict_a_step(measured):
    """A step of gradient descent takes off what the mean gradient says."""
    probe, sensitivity, inputs, samples = measured
    told = restrict(samples, torch.tensor([False, True]))

    def loss():
        with torch.no_grad():
            losses = probe(inputs, told, mode='loss')
        return probe.parse_losses(losses)[0].item()

    [g] = [torch.cat(sensitivity.gradients()['depth'], 1).mean(0)]
    before = loss()
    with torch.no_grad():
        probe.adapters.rows.table['depth'] -= 1e-3 * g
    total = sum(s.sensitivity for s in sensitivity.report()['depth'].values())
    assert before - loss() == pytest.approx(1e-3 * total, rel=0.1)


def test_nothing_is_stepped_or_left_behind(measured):
    probe = measured[0]

    assert all(not row.any() for row in probe.adapters.rows.table.values())
    assert all(p.grad is None for p in probe.parameters())


def test_every_site_is_reported(measured):
    probe, sensitivity, *_ = measured

    report = sensitivity.report()

    for found in report.values():
        assert list(found) == [site.name for site in probe.adapters.sites]
        costs = [s.cost for s in found.values()]
        assert costs == probe.adapters.widths
    # The absent stream can only inject a bias, the present one its scale.
    site = 'backbone.stages.0.embed.proj'
    assert report['rgb'][site].sensitivity > 0

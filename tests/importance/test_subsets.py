"""Values of subsets against numbers worked by hand."""

import math

import pytest
import torch
from torch.nn import functional

from mmseg_missing.evaluation.batches import restrict
from mmseg_missing.importance.subsets import (
    SubsetScores,
    Tally,
    prior_tally,
)


def test_tally_by_hand():
    tally = Tally.empty(2)
    # p(truth): 0.75 right, 0.2 wrong, one ignored.
    p = torch.tensor([[0.75, 0.8, 0.5], [0.25, 0.2, 0.5]])[:, None]
    target = torch.tensor([[0, 1, 255]])

    tally.add(p.log(), p.argmax(0), target, ignore=255)

    assert tally.matrix.tolist() == [[1, 0], [1, 0]]
    expected = torch.tensor([-math.log(0.75), -math.log(0.2)])
    torch.testing.assert_close(tally.nll, expected.double())


def test_scores_and_labels_that_say_nothing(build):
    logits = torch.tensor([[[2.0, torch.nan]], [[0.0, 0.0]]])
    with pytest.raises(ValueError, match='scores are not finite'):
        Tally.empty(2).add(logits, logits.argmax(0), torch.zeros(1, 2), 255)
    with pytest.raises(ValueError, match='no labelled pixel'):
        SubsetScores(build().stack, list('abcde')).values()


def test_one_logit_is_a_sigmoid():
    tally = Tally.empty(2)
    logits = torch.tensor([[[2.0, -1.0]]])

    tally.add(logits, (logits[0] > 0).long(), torch.tensor([[0, 1]]), 255)

    expected = functional.softplus(torch.tensor([2.0, 1.0]))
    torch.testing.assert_close(tally.nll.float(), expected)


def test_prior_by_hand():
    tally = prior_tally(torch.tensor([3, 0, 1]))

    assert tally.matrix.tolist() == [[3, 0, 0], [0, 0, 0], [1, 0, 0]]
    expected = [-3 * math.log(0.75), 0.0, -math.log(0.25)]
    torch.testing.assert_close(
        tally.nll, torch.tensor(expected, dtype=torch.float64)
    )


@pytest.fixture
def scored(build, batch):
    network = build()
    scores = SubsetScores(network.stack, list('abcde'))
    inputs, samples = batch(network)
    samples[0].gt_sem_seg.data[:] = samples[0].gt_sem_seg.data.clamp(max=3)
    samples[1].gt_sem_seg.data[:] = 1
    done = list(scores.add(network, inputs, samples))
    return network, scores, inputs, samples, done


def test_every_subset_is_scored_on_the_same_images(scored):
    network, scores, inputs, samples, done = scored

    values = scores.values()

    assert done == ['rgb+depth', 'rgb', 'depth']
    # 4 does not occur in the labels.
    assert set(values) == {'mIoU', '-NLL', *(f'IoU/{c}' for c in 'abcd')}
    for found in values.values():
        assert set(found) == {'', 'rgb', 'depth', 'rgb+depth'}
    told = restrict(samples, torch.tensor([True, False]))
    with torch.no_grad():
        blind = network(inputs, told, mode='predict')
    expected = Tally.empty(5)
    for sample in blind:
        logits, pred = sample.seg_logits.data, sample.pred_sem_seg.data[0]
        expected.add(logits, pred, sample.gt_sem_seg.data[0], 255)
    assert torch.equal(scores.tallies['rgb'].matrix, expected.matrix)
    torch.testing.assert_close(scores.tallies['rgb'].nll, expected.nll)


def test_nll_weighs_classes_alike(scored):
    scores = scored[1]
    tally, counts = scores.tallies['rgb'], scores.counts

    by_class = tally.nll[:4] / counts[:4]

    assert counts[1] > 4 * counts[0]
    value = scores.values()['-NLL']['rgb']
    assert value == pytest.approx(-by_class.mean().item())


def test_report_shares_out_what_all_reach(scored):
    report = scored[1].report()

    for found in report.values():
        total = found['values']['rgb+depth'] - found['values']['']
        assert sum(found['shapley'].values()) == pytest.approx(total)
    by_class = [found for key, found in report.items() if '/' in key]
    mean = sum(found['shapley']['rgb'] for found in by_class) / 4
    assert report['mIoU']['shapley']['rgb'] == pytest.approx(mean)

"""Confidence against accuracy, counted exactly."""

import pytest
import torch

from mmseg_missing.evaluation import CombinationIoUMetric, Report
from mmseg_missing.evaluation.calibration import (
    BINS,
    PARTS,
    Calibration,
    count_confidence,
)


def logits_of(*probabilities):
    """(2, 1, w) scores whose class 1 has these probabilities."""
    p = torch.tensor([probabilities])
    return torch.stack([(1 - p).log(), p.log()])


def test_by_hand():
    # Two pixels at 0.9, one right; one at 0.6 (of class 0), right.
    logits = logits_of(0.9, 0.9, 0.4, 0.9)
    pred = torch.tensor([[1, 1, 0, 1]])
    target = torch.tensor([[1, 0, 0, 255]])
    counts = count_confidence(logits, pred, target)
    assert counts.dtype == torch.int64 and counts.shape == (3, BINS)
    assert counts[0].sum() == 3 and counts[1].sum() == 2
    found = Calibration.from_counts(counts)
    bin_90, bin_60 = 13, 8  # (13/15, 14/15] and (8/15, 9/15]
    assert found.pixels[bin_90] == 2 and found.pixels[bin_60] == 1
    assert found.accuracy[bin_90] == 50 and found.accuracy[bin_60] == 100
    assert found.confidence[bin_90] == pytest.approx(90, abs=1e-3)
    assert found.accuracy[0] is None
    # (2 |50 - 90| + |100 - 60|) / 3
    assert found.ece == pytest.approx(40, abs=1e-3)


def test_it_is_the_softmax_of_the_prediction():
    torch.manual_seed(0)
    logits = 5 * torch.randn(5, 6, 7)
    top, pred = logits.double().softmax(0).max(0)
    target = torch.randint(0, 5, (6, 7))
    counts = count_confidence(logits, pred, target)
    assert counts[2].sum() / PARTS == pytest.approx(top.sum().item(), 1e-5)
    assert counts[1].sum() == (pred == target).sum()


def test_one_channel_is_the_probability_of_class_1():
    probability = torch.tensor([[[0.2, 0.7]]])
    counts = count_confidence(
        probability, torch.tensor([[0, 1]]), torch.tensor([[0, 1]])
    )
    assert counts[2].sum() / PARTS == pytest.approx(1.5, abs=1e-5)


def test_certain_pixels_lie_in_the_last_bin():
    logits = torch.tensor([[[500.0, torch.nan]], [[-500.0, 0.0]]])
    pred = target = torch.zeros(1, 2, dtype=torch.long)
    counts = count_confidence(logits, pred, target)
    assert counts[0, -1] == 1 and counts[0, 0] == 1  # NaN: not sure at all


def sample(probabilities, label, index=0, **meta):
    logits = logits_of(*probabilities)
    return {
        'seg_logits': {'data': logits},
        'pred_sem_seg': {'data': logits.argmax(0)[None]},
        'gt_sem_seg': {'data': torch.tensor([[label]])},
        'sample_idx': index,
        'img_path': f'image_{index}',
        **meta,
    }


def metric(**options):
    built = CombinationIoUMetric(**options)
    built.dataset_meta = {
        'classes': ('wall', 'floor'),
        'modalities': ('rgb', 'depth'),
        'combinations': ('rgb', 'depth'),
    }
    return built


SAMPLES = [
    sample([0.9, 0.2], [1, 0], 0, combination='rgb'),
    sample([0.9, 0.9], [0, 0], 1, combination='rgb'),
    sample([0.6, 0.7], [1, 1], 0, combination='depth'),
]


def test_the_report_has_it_and_keeps_it(tmp_path):
    scored = metric(out_dir=str(tmp_path))
    scored.process(None, SAMPLES)
    scored.evaluate(2)
    report = scored.report
    # (|1/3 - 0.9| 3 + |1 - 0.8|) / 4, and (0.4 + 0.3) / 2.
    assert report.ece['rgb'] == pytest.approx(100 * 1.9 / 4, abs=1e-3)
    assert report.ece['depth'] == pytest.approx(35, abs=1e-3)
    assert Report.read(tmp_path) == report
    lines = (tmp_path / 'report.csv').read_text().splitlines()
    assert lines[0].endswith(',ECE') and lines[1].endswith('47.5000')


def test_without_scores_of_classes_it_is_not_known():
    scored = metric()
    plain = [{**s, 'seg_logits': None} for s in SAMPLES]
    for one in plain:
        del one['seg_logits']
    scored.process(None, plain)
    scored.evaluate(2)
    assert scored.report.ece == {}
    assert 'calibration' not in scored.report.to_json()
    assert Report.from_json(scored.report.to_json()) == scored.report


def test_two_processes_count_what_one_counts(monkeypatch):
    """Sums of whole numbers, however the images are shared out."""
    from mmseg_missing.evaluation import metric as module

    alone, one, other = metric(), metric(), metric()
    alone.process(None, SAMPLES)
    one.process(None, SAMPLES[:1])
    other.process(None, SAMPLES[1:])
    parts = {'images': other._singly, 'names': list(other._images)}

    def gather(mine):
        theirs = parts['names' if isinstance(mine, list) else 'images']
        return [mine, theirs]

    tables = [
        torch.tensor([other._images.get(n, 0) for n in ('depth', 'rgb')]),
        torch.stack([other._matrices[n] for n in ('depth', 'rgb')]),
        torch.stack([other._confidence[n] for n in ('depth', 'rgb')]),
    ]

    monkeypatch.setattr(module, 'all_gather_object', gather)
    monkeypatch.setattr(
        module, 'all_reduce', lambda tensor: tensor.add_(tables.pop(0))
    )
    one.evaluate(2)
    monkeypatch.undo()
    alone.evaluate(2)
    assert one.report == alone.report
    assert one.images == alone.images


@pytest.mark.parametrize(
    'change',
    [
        {'pixels': [1] * 14},
        {'accuracy': [1.0] * 15},
        {'pixels': [0] * 15},
        {'pixels': ['x'] * 15},
        {'other': []},
    ],
)
def test_foreign_values_are_refused(change):
    import json

    scored = metric()
    scored.process(None, SAMPLES)
    scored.evaluate(2)
    fields = json.loads(scored.report.to_json())
    fields['combinations'][0]['calibration'].update(change)
    with pytest.raises(ValueError, match='write it again'):
        Report.from_json(json.dumps(fields))

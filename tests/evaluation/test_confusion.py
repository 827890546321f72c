"""Confusion matrix and scores: by hand and against the published codes."""

import numpy as np
import pytest
import torch

from mmseg_missing.evaluation import (
    class_accuracy,
    class_f1,
    class_iou,
    confusion_matrix,
    mean_over_classes,
    pixel_accuracy,
)
from mmseg_missing.evaluation.confusion import never_labelled, never_predicted

TRUTH = torch.tensor([[0, 0], [1, 1]])
GUESS = torch.tensor([[0, 1], [1, 1]])


def test_two_by_two_by_hand():
    matrix = confusion_matrix(GUESS, TRUTH, 2)
    assert matrix.dtype == torch.int64
    assert matrix.tolist() == [[1, 1], [0, 2]]  # rows truth
    # Class 0: 1 hit of 2 pixels in the union; class 1: 2 of 3.
    torch.testing.assert_close(
        class_iou(matrix), torch.tensor([50.0, 200 / 3]).double()
    )
    assert class_accuracy(matrix).tolist() == [50, 100]
    # Class 0: precision 1, recall 1/2; class 1: precision 2/3, recall 1.
    torch.testing.assert_close(
        class_f1(matrix), torch.tensor([200 / 3, 80.0]).double()
    )
    assert pixel_accuracy(matrix) == 75


def test_rules_differ_by_a_class_that_occurs_nowhere():
    matrix = confusion_matrix(GUESS, TRUTH, 3)
    iou, accuracy = class_iou(matrix), class_accuracy(matrix)
    assert mean_over_classes(iou, 'mmseg') == pytest.approx(350 / 6)
    assert mean_over_classes(iou, 'cmnext') == pytest.approx(350 / 9)
    assert mean_over_classes(accuracy, 'mmseg') == 75
    assert mean_over_classes(accuracy, 'cmnext') == 50
    with pytest.raises(ValueError, match=r"mmseg, cmnext, got 'nanmean'"):
        mean_over_classes(iou, 'nanmean')


def test_ignored_pixels_are_not_counted():
    truth = torch.tensor([[0, 255], [255, 1]], dtype=torch.uint8)
    matrix = confusion_matrix(GUESS, truth, 2)
    assert matrix.tolist() == [[1, 0], [0, 1]]


def test_one_pixel_counts_beyond_float32():
    matrix = torch.tensor([[2**24, 1], [0, 2**24]])
    assert class_iou(matrix).max() < 100
    assert class_accuracy(matrix)[0] < 100
    assert pixel_accuracy(matrix) < 100


@pytest.mark.parametrize('wrong', [2, 7, 254])
def test_label_outside_the_classes(wrong):
    truth = torch.tensor([[0, wrong], [255, 1]], dtype=torch.uint8)
    with pytest.raises(ValueError, match=f'label value {wrong} .* 2 classes'):
        confusion_matrix(GUESS, truth, 2)


def test_prediction_outside_the_classes():
    with pytest.raises(ValueError, match=r'prediction value 1 .* 1 cl'):
        confusion_matrix(GUESS, torch.zeros(2, 2).long(), 1)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r'\(2, 2\) and label \(2, 3\)'):
        confusion_matrix(GUESS, torch.zeros(2, 3), 2)


@pytest.mark.parametrize('case', ['all', 'absent', 'pred_only'])
def test_published_codes_agree_to_the_last_digit(golden_dir, case):
    arrays = np.load(golden_dir / 'metrics.npz')
    matrix = confusion_matrix(
        torch.from_numpy(arrays[f'{case}/pred']),
        torch.from_numpy(arrays[f'{case}/gt']),
        num_classes=20,
    )
    for rule, key in (('mmseg', 'nanmean'), ('cmnext', 'cmnext')):
        miou = mean_over_classes(class_iou(matrix), rule)
        macc = mean_over_classes(class_accuracy(matrix), rule)
        assert round(miou, 2) == arrays[f'{case}/{key}']
        assert round(macc, 2) == arrays[f'{case}/{key}_acc']


def test_f1_of_a_class_that_is_never_right():
    """0 and not undefined: leaving it out would flatter the mean."""
    matrix = torch.tensor([[2, 0, 0], [1, 0, 0], [0, 0, 0]])
    assert class_f1(matrix).tolist()[:2] == [80, 0]
    assert class_f1(matrix)[2].isnan()
    assert mean_over_classes(class_f1(matrix), 'mmseg') == 40
    assert mean_over_classes(class_f1(matrix), 'cmnext') == pytest.approx(
        80 / 3
    )


def test_what_is_never_predicted():
    matrix = torch.tensor([[2, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0], [0] * 4])
    assert never_predicted(matrix) == [1]
    assert never_labelled(matrix) == [2, 3]

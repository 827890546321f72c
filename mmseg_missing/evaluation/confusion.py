"""Confusion matrices and the scores read from them. Scores are in per cent."""

from __future__ import annotations

import torch
from torch import Tensor

from ..values import choice

RULES = ('mmseg', 'cmnext')


def confusion_matrix(
    pred: Tensor, target: Tensor, num_classes: int, ignore_index: int = 255
) -> Tensor:
    """Count pixels by true and predicted class.

    Counts are int64: float32 stops being exact above 2^24 pixels.

    Args:
        pred: Any shape, integer classes.
        target: Same shape, integer classes or ``ignore_index``.
        num_classes: K.
        ignore_index: Label of pixels that are not counted.

    Returns:
        (K, K) int64, rows truth, columns prediction, on ``pred``'s device.

    Raises:
        ValueError: shapes differ, or a value is no class.

    >>> pred, target = torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0])
    >>> confusion_matrix(pred, target, num_classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    if pred.shape != target.shape:
        raise ValueError(
            f'prediction {tuple(pred.shape)} and label {tuple(target.shape)} '
            'must have one size; load the label after the resizing of the '
            'test pipeline'
        )
    target = target.to(pred.device, torch.int64)
    counted = target != ignore_index
    truth, guess = target[counted], pred[counted].to(torch.int64)
    _check_classes(truth, num_classes, 'label', 'the data set')
    _check_classes(guess, num_classes, 'prediction', '`decode_head`')
    counts = torch.bincount(
        truth * num_classes + guess, minlength=num_classes**2
    )
    return counts.reshape(num_classes, num_classes)


def class_iou(matrix: Tensor) -> Tensor:
    """Return (K,) float64 IoU; NaN: neither in the truth nor predicted.

    >>> class_iou(torch.tensor([[1, 1], [0, 1]])).tolist()
    [50.0, 50.0]
    """
    hit = matrix.diagonal()
    return 100 * hit.double() / (matrix.sum(0) + matrix.sum(1) - hit)


def class_accuracy(matrix: Tensor) -> Tensor:
    """Return (K,) float64 recall; NaN: not in the truth.

    >>> class_accuracy(torch.tensor([[1, 1], [0, 1]])).tolist()
    [50.0, 100.0]
    """
    return 100 * matrix.diagonal().double() / matrix.sum(1)


def class_f1(matrix: Tensor) -> Tensor:
    """Return (K,) float64 F1 = 2 TP / (2 TP + FP + FN).

    NaN: neither in the truth nor predicted. A class that is never right has
    0; MMSegmentation's ``mFscore`` leaves such a class out of the mean.

    >>> class_f1(torch.tensor([[1, 0], [0, 1]])).tolist()
    [100.0, 100.0]
    """
    hit = matrix.diagonal()
    return 200 * hit.double() / (matrix.sum(0) + matrix.sum(1))


def never_predicted(matrix: Tensor) -> list[int]:
    """Return the classes that occur in the truth and in no prediction."""
    lost = (matrix.sum(1) > 0) & (matrix.sum(0) == 0)
    return lost.nonzero()[:, 0].tolist()


def never_labelled(matrix: Tensor) -> list[int]:
    """Return the classes that no label holds."""
    return (matrix.sum(1) == 0).nonzero()[:, 0].tolist()


def pixel_accuracy(matrix: Tensor) -> float:
    """Return aAcc, the share of pixels that are right.

    >>> round(pixel_accuracy(torch.tensor([[1, 1], [0, 1]])), 2)
    66.67
    """
    return (100 * matrix.diagonal().sum().double() / matrix.sum()).item()


def mean_over_classes(scores: Tensor, rule: str) -> float:
    """Return mIoU, mF1 or mAcc.

    Args:
        scores: (K,) from :func:`class_iou`, :func:`class_f1` or
            :func:`class_accuracy`.
        rule: ``mmseg`` leaves undefined classes out, as MMSegmentation and
            CMX do; ``cmnext`` counts them as 0, as CMNeXt's code does.

    Raises:
        ValueError: unknown rule.

    >>> scores = torch.tensor([80.0, 40.0, float('nan')])
    >>> mean_over_classes(scores, 'mmseg'), mean_over_classes(scores, 'cmnext')
    (60.0, 40.0)
    """
    if check_rule(rule) == 'cmnext':
        scores = scores.nan_to_num(0.0)
    return scores.nanmean().item()


def check_rule(rule: str) -> str:
    """Return ``rule``; raise ValueError where it is unknown."""
    return choice('iou_rule', rule, RULES)


def _check_classes(
    values: Tensor, num_classes: int, what: str, where: str
) -> None:
    """Raise ValueError if a value is no class."""
    wrong = values[(values < 0) | (values >= num_classes)]
    if len(wrong):
        raise ValueError(
            f'{what} value {wrong[0].item()} is outside the {num_classes} '
            f'classes 0 to {num_classes - 1}; check the classes of {where}'
        )

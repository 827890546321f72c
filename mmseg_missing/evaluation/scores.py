"""The scores of one combination, read from its confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from ..values import real, whole
from .calibration import Calibration
from .confusion import (
    RULES,
    class_accuracy,
    class_f1,
    class_iou,
    mean_over_classes,
    never_labelled,
    never_predicted,
    pixel_accuracy,
)


@dataclass(frozen=True)
class CombinationScores:
    """The scores of one combination.

    Args:
        name: Such as ``rgb+depth``.
        images: Number of samples that have it and were scored.
        miou: mIoU by rule, ``mmseg`` and ``cmnext``.
        macc: Mean class accuracy by rule.
        aacc: Share of all pixels that are right.
        class_iou: In class order; None: neither in the truth nor predicted.
        mf1: Mean F1 by rule; empty: not known (reports before it was
            measured).
        never_predicted: Indices of classes that the labels hold and no
            prediction does.
        never_labelled: Indices of classes that no label holds.
        calibration: Confidence against accuracy; None: not known (reports
            before it was measured, predictions without scores).

    >>> scores = CombinationScores(
    ...     'rgb', 9, {'mmseg': 50.0}, {'mmseg': 60.0}, 70.0, (40.0, 60.0)
    ... )
    >>> scores.name, scores.images
    ('rgb', 9)
    """

    name: str
    images: int
    miou: dict[str, float]
    macc: dict[str, float]
    aacc: float
    class_iou: tuple[float | None, ...]
    mf1: dict[str, float] = field(default_factory=dict)
    never_predicted: tuple[int, ...] = ()
    never_labelled: tuple[int, ...] = ()
    calibration: Calibration | None = None

    @classmethod
    def from_matrix(
        cls,
        name: str,
        images: int,
        matrix: Tensor,
        confidence: Tensor | None = None,
    ) -> CombinationScores:
        """Read the scores from a (K, K) confusion matrix, rows truth.

        Args:
            name: Name of the combination.
            images: How many were counted.
            matrix: (K, K) int64.
            confidence: (3, 15) int64, see
                :func:`~mmseg_missing.evaluation.count_confidence`; None or
                no pixel in it: not known.

        Raises:
            ValueError: not one pixel was counted.
        """
        if not matrix.any():
            raise ValueError(
                f'the {images} images scored for {name} have no labelled '
                'pixel; check the labels and `ignore_index`'
            )
        iou = class_iou(matrix)
        known = confidence is not None and confidence[0].any()
        return cls(
            name=name,
            images=images,
            miou=_by_rule(iou),
            macc=_by_rule(class_accuracy(matrix)),
            aacc=pixel_accuracy(matrix),
            class_iou=tuple(None if v != v else v for v in iou.tolist()),
            mf1=_by_rule(class_f1(matrix)),
            never_predicted=tuple(never_predicted(matrix)),
            never_labelled=tuple(never_labelled(matrix)),
            calibration=Calibration.from_counts(confidence) if known else None,
        )

    def check(self, num_classes: int) -> None:
        """Refuse what no evaluation gives.

        Raises:
            TypeError: a value of a wrong kind.
            ValueError: a score that is not finite, no mIoU or mAcc by some
                rule, or another number of classes.
        """
        check_text(self.name)
        whole(f'images of {self.name}', self.images, 1)
        f1 = [self.mf1] if self.mf1 != {} else []
        for part in (self.miou, self.macc, *f1):
            for rule in RULES:
                real(f'{rule} of {self.name}', part.get(rule))
        real(f'aacc of {self.name}', self.aacc)
        for value in self.class_iou:
            real(f'class_iou of {self.name}', 0 if value is None else value)
        for index in self.never_predicted:
            whole('never_predicted', index, 0, num_classes - 1)
        for index in self.never_labelled:
            whole('never_labelled', index, 0, num_classes - 1)
        if len(self.class_iou) != num_classes:
            raise ValueError(
                f'{self.name} has scores of {len(self.class_iou)} classes, '
                f'not of {num_classes}'
            )
        if self.calibration is not None:
            self.calibration.check()


def check_text(text: str) -> None:
    """Refuse what would break a table, or move a terminal's cursor."""
    if not isinstance(text, str) or not text.isprintable():
        raise ValueError(f'a name must be printable text, got {text!r}')


def _by_rule(scores: Tensor) -> dict[str, float]:
    return {rule: mean_over_classes(scores, rule) for rule in RULES}

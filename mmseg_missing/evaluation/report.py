"""What one evaluation found, as plain data. Scores are in per cent."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from ..modality import Stack
from ..values import expecting, real, whole
from .confusion import (
    RULES,
    check_rule,
    class_accuracy,
    class_f1,
    class_iou,
    mean_over_classes,
    never_labelled,
    never_predicted,
    pixel_accuracy,
)
from .measures import (
    check_missing_rate,
    combination_names,
    expected_miou,
    failing,
    mean_miou,
    named_stack,
    scope,
    worst_combination,
)
from .notes import notes_on


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

    @classmethod
    def from_matrix(
        cls, name: str, images: int, matrix: Tensor
    ) -> CombinationScores:
        """Read the scores from a (K, K) confusion matrix, rows truth.

        Raises:
            ValueError: not one pixel was counted.
        """
        if not matrix.any():
            raise ValueError(
                f'the {images} images scored for {name} have no labelled '
                'pixel; check the labels and `ignore_index`'
            )
        iou = class_iou(matrix)
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
        )

    def check(self, num_classes: int) -> None:
        """Refuse what no evaluation gives.

        Raises:
            TypeError: a value of a wrong kind.
            ValueError: a score that is not finite, no mIoU or mAcc by some
                rule, or another number of classes.
        """
        _check_text(self.name)
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


@dataclass(frozen=True)
class Report:
    """The scores of all combinations and how they were measured.

    Args:
        modalities: Names in stack order; empty: unknown.
        classes: Names in label order.
        rule: mIoU rule of ``miou`` and all that follows from it.
        fill: What stood in for absent modalities.
        split: What was scored, such as ``test``.
        missing_rates: p of each E(p).
        combinations: In canonical order.
        condition: What the data suffered besides absence, such as
            ``RMM 0.75``; empty: nothing.
        sensors: One per modality, those of one sensor fail together; empty:
            each modality is its own.

    Raises:
        TypeError: a value of a wrong kind.
        ValueError: unknown rule, another number of sensors than of
            modalities, a score that is not finite, or a value that no
            evaluation gives.
    """

    modalities: tuple[str, ...]
    classes: tuple[str, ...]
    rule: str
    fill: str
    split: str
    missing_rates: tuple[float, ...]
    combinations: tuple[CombinationScores, ...]
    condition: str = ''
    sensors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_rule(self.rule)
        texts = (self.fill, self.split, self.condition)
        for text in (*texts, *self.modalities, *self.classes, *self.sensors):
            _check_text(text)
        for rate in self.missing_rates:
            check_missing_rate(rate)
        names = [scores.name for scores in self.combinations]
        if len(set(names)) != len(names) or not names:
            raise ValueError(f'a report takes each combination once: {names}')
        for scores in self.combinations:
            scores.check(len(self.classes))
            if self.modalities:
                self.stack.canonical(scores.name)

    @property
    def stack(self) -> Stack:
        """Names and sensors of the modalities."""
        return named_stack(self.modalities, self.sensors)

    @property
    def full(self) -> str:
        """Name of the combination that misses nothing."""
        return '+'.join(self.modalities) or 'full'

    @property
    def miou(self) -> dict[str, float]:
        """MIoU of every scored combination by this report's rule."""
        return {c.name: c.miou[self.rule] for c in self.combinations}

    @property
    def mean(self) -> float:
        """Plain mean over the scored combinations."""
        return mean_miou(self.miou)

    @property
    def mean_missing(self) -> float:
        """Mean over those that miss something; over all if none does."""
        missing = {n: v for n, v in self.miou.items() if n != self.full}
        return mean_miou(missing or self.miou)

    @property
    def worst(self) -> str:
        """Name of the scored combination with the lowest mIoU."""
        return worst_combination(self.miou)

    @property
    def scope(self) -> str:
        """Which combinations these are; empty: no sensor has several."""
        return scope(self.stack, self.miou) if self.modalities else ''

    @property
    def is_complete(self) -> bool:
        """Whether every combination of whole sensors was scored."""
        if not self.modalities:
            return False
        return set(combination_names(self.stack)) <= set(self.miou)

    @property
    def expected(self) -> dict[float, float]:
        """E(p) by p; empty where a combination was not scored.

        Sensors fail by themselves; where all subsets were scored,
        modalities do.
        """
        if not self.is_complete:
            return {}
        stack = failing(self.stack, self.miou)
        return {
            p: expected_miou(self.miou, stack, p) for p in self.missing_rates
        }

    @property
    def settings(self) -> str:
        """The words that every table of these numbers must carry."""
        condition = f', {self.condition}' if self.condition else ''
        return self.measured + condition

    @property
    def measured(self) -> str:
        """The same without the condition."""
        chosen = f', {self.scope}' if self.scope else ''
        return (
            f"mIoU by the rule '{self.rule}', fill {self.fill}, "
            f'split {self.split}{chosen}'
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers should not miss, in sentences."""
        return notes_on(self)

    def to_json(self) -> str:
        """Return the report; ``summary`` repeats what follows from it."""
        summary = {
            'mean': self.mean,
            'mean_missing': self.mean_missing,
            'worst': {'name': self.worst, 'miou': self.miou[self.worst]},
            'expected': {str(p): e for p, e in self.expected.items()},
            'scope': self.scope,
            'notes': self.notes,
        }
        return json.dumps(
            {**asdict(self), 'summary': summary}, indent=2, allow_nan=False
        )

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Return the report that :meth:`to_json` wrote.

        Raises:
            ValueError: the text is no such report.
        """
        remedy = 'write it again with mmseg-missing test'
        with expecting('a report.json of an evaluation', remedy):
            fields = json.loads(text)
            del fields['summary']
            fields['combinations'] = [
                CombinationScores(**_frozen(c)) for c in fields['combinations']
            ]
            return cls(**_frozen(fields))


def _check_text(text: str) -> None:
    """Refuse what would break a table, or move a terminal's cursor."""
    if not isinstance(text, str) or not text.isprintable():
        raise ValueError(f'a name must be printable text, got {text!r}')


def _by_rule(scores: Tensor) -> dict[str, float]:
    return {rule: mean_over_classes(scores, rule) for rule in RULES}


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    """Return JSON's lists as the tuples that they were."""
    return {k: tuple(v) if type(v) is list else v for k, v in fields.items()}

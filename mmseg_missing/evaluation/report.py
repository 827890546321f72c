"""What one evaluation found, as plain data. Scores are in per cent."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from torch import Tensor

from .confusion import (
    RULES,
    check_rule,
    class_accuracy,
    class_iou,
    mean_over_classes,
    pixel_accuracy,
)
from .protocols import (
    combination_names,
    expected_miou,
    mean_miou,
    worst_combination,
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
    """

    name: str
    images: int
    miou: dict[str, float]
    macc: dict[str, float]
    aacc: float
    class_iou: tuple[float | None, ...]

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
        iou, accuracy = class_iou(matrix), class_accuracy(matrix)
        return cls(
            name=name,
            images=images,
            miou={rule: mean_over_classes(iou, rule) for rule in RULES},
            macc={rule: mean_over_classes(accuracy, rule) for rule in RULES},
            aacc=pixel_accuracy(matrix),
            class_iou=tuple(None if v != v else v for v in iou.tolist()),
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

    Raises:
        ValueError: unknown rule.
    """

    modalities: tuple[str, ...]
    classes: tuple[str, ...]
    rule: str
    fill: str
    split: str
    missing_rates: tuple[float, ...]
    combinations: tuple[CombinationScores, ...]
    condition: str = ''

    def __post_init__(self) -> None:
        check_rule(self.rule)

    @property
    def miou(self) -> dict[str, float]:
        """MIoU of every scored combination by this report's rule."""
        return {c.name: c.miou[self.rule] for c in self.combinations}

    @property
    def mean(self) -> float:
        """Plain mean over the scored combinations."""
        return mean_miou(self.miou)

    @property
    def worst(self) -> str:
        """Name of the scored combination with the lowest mIoU."""
        return worst_combination(self.miou)

    @property
    def is_complete(self) -> bool:
        """Whether every combination of the stack was scored."""
        if not self.modalities:
            return False
        return set(combination_names(self.modalities)) <= set(self.miou)

    @property
    def expected(self) -> dict[float, float]:
        """E(p) by p; empty where a combination was not scored."""
        if not self.is_complete:
            return {}
        return {
            p: expected_miou(self.miou, self.modalities, p)
            for p in self.missing_rates
        }

    @property
    def settings(self) -> str:
        """The words that every table of these numbers must carry."""
        condition = f', {self.condition}' if self.condition else ''
        return self.measured + condition

    @property
    def measured(self) -> str:
        """The same without the condition."""
        return (
            f"mIoU by the rule '{self.rule}', fill {self.fill}, "
            f'split {self.split}'
        )

    def to_json(self) -> str:
        """Return the report; ``summary`` repeats what follows from it."""
        summary = {
            'mean': self.mean,
            'worst': {'name': self.worst, 'miou': self.miou[self.worst]},
            'expected': {str(p): e for p, e in self.expected.items()},
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
        try:
            fields = json.loads(text)
            del fields['summary']
            fields['combinations'] = [
                CombinationScores(**{**c, 'class_iou': tuple(c['class_iou'])})
                for c in fields['combinations']
            ]
            lists = {k: tuple(v) for k, v in fields.items() if type(v) is list}
            return cls(**{**fields, **lists})
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(
                f'expected a report.json of an evaluation, got text without '
                f'its fields ({error}); write it again with tools/test.py'
            ) from error

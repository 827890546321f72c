"""What one evaluation found, as plain data. Scores are in per cent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..modality import Stack
from ..values import expecting, real
from .calibration import Calibration
from .confusion import check_rule
from .measures import (
    Pair,
    check_missing_rate,
    combination_names,
    expected_miou,
    failing,
    mean_miou,
    named_stack,
    nested_pairs,
    scope,
    shares_won_back,
    won_back,
    worse_pairs,
    worst_combination,
)
from .notes import notes_on
from .scores import CombinationScores, check_text

REPORT_FILE = 'report.json'


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
        combinations: Combinations in canonical order.
        condition: What the data suffered besides absence, such as
            ``RMM 0.75``; empty: nothing.
        sensors: One per modality, those of one sensor fail together; empty:
            each modality is its own.
        base: MIoU of the same network without adapters, by combination, see
            :meth:`against`; empty: not known.

    Raises:
        TypeError: a value of a wrong kind.
        ValueError: unknown rule, another number of sensors than of
            modalities, a score that is not finite, or a value that no
            evaluation gives.

    >>> miou = dict(mmseg=50.0, cmnext=50.0)
    >>> scores = CombinationScores(
    ...     'rgb', 9, miou, miou, 70.0, (40.0, 60.0)
    ... )
    >>> classes = ('wall', 'floor')
    >>> report = Report(
    ...     ('rgb', 'depth'), classes, 'mmseg', 'zero', 'test', (), (scores,)
    ... )
    >>> report.miou, report.worst
    ({'rgb': 50.0}, 'rgb')
    >>> Report.from_json(report.to_json()) == report
    True
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
    base: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_rule(self.rule)
        texts = (self.fill, self.split, self.condition)
        for text in (*texts, *self.modalities, *self.classes, *self.sensors):
            check_text(text)
        for rate in self.missing_rates:
            check_missing_rate(rate)
        names = [scores.name for scores in self.combinations]
        if len(set(names)) != len(names) or not names:
            raise ValueError(f'a report takes each combination once: {names}')
        for scores in self.combinations:
            scores.check(len(self.classes))
            if self.modalities:
                self.stack.canonical(scores.name)
        for name, value in self.base.items():
            real(f'base of {name}', value)
        lacking = {*self.miou, self.full} - set(self.base)
        if self.base and lacking:
            raise ValueError(
                f'the base has no mIoU of {", ".join(sorted(lacking))}; score '
                'it on the same combinations'
            )

    @property
    def facts(self) -> dict[str, Any]:
        """What is the same of all reports that can be compared."""
        images = {f'images of {c.name}': c.images for c in self.combinations}
        keys = ('rule', 'split', 'condition', 'classes')
        return {**{key: getattr(self, key) for key in keys}, **images}

    def against(self, base: Report) -> Report:
        """Return this report, knowing the scores before adaptation.

        Args:
            base: Report of the same network without adapters.

        Raises:
            ValueError: it was measured in another way, or lacks scores.
        """
        mine = {**self.facts, 'modalities': self.modalities}
        its = {**base.facts, 'modalities': base.modalities}
        for what, value in mine.items():
            if its.get(what, value) != value:
                raise ValueError(
                    f'it and the base differ in {what}: {value!r} and '
                    f'{its[what]!r}; score both in the same way'
                )
        return replace(self, base=base.miou)

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
    def won_back(self) -> dict[str, float]:
        """Share of what each combination lost that adapters won back.

        Empty where the base is not known; without those that lost nothing.
        """
        if not self.base:
            return {}
        return shares_won_back(self.miou, self.base, self.full)

    @property
    def mean_won_back(self) -> float | None:
        """The same of the mean over what misses something.

        None where the base is not known, or nothing was lost.
        """
        if not self.base:
            return None
        return won_back(self.miou, self.base, self.full)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Combinations and larger ones, scored on as many images."""
        return nested_pairs({c.name: c.images for c in self.combinations})

    @property
    def worse_pairs(self) -> list[Pair]:
        """Those of which the larger combination is worse, worst first."""
        return worse_pairs(self.miou, self.pairs)

    @property
    def ece(self) -> dict[str, float]:
        """Expected calibration error in per cent, where it is known."""
        known = {c.name: c.calibration for c in self.combinations}
        return {n: found.ece for n, found in known.items() if found}

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
            'pairs': {
                'count': len(self.pairs),
                'worse': [pair._asdict() for pair in self.worse_pairs],
            },
        }
        fields = asdict(self)
        if self.base:
            summary['won_back'] = self.won_back
            summary['mean_won_back'] = self.mean_won_back
        else:  # as reports were before there was a base
            del fields['base']
        for scores in fields['combinations']:
            if scores['calibration'] is None:  # as before it was measured
                del scores['calibration']
        if self.ece:
            summary['ece'] = self.ece
        return json.dumps(
            {**fields, 'summary': summary}, indent=2, allow_nan=False
        )

    @classmethod
    def read(cls, path: str | Path) -> Report:
        """Return the report in a file, or in ``report.json`` of a folder.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is something else.
        """
        path = Path(path)
        file = path / REPORT_FILE if path.is_dir() else path
        if not file.is_file():
            raise FileNotFoundError(
                f"no report '{file}'; `mmseg-missing test CONFIG CHECKPOINT "
                '--out DIR` writes one'
            )
        return cls.from_json(file.read_text(encoding='utf-8'))

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
                CombinationScores(**_scores(c)) for c in fields['combinations']
            ]
            return cls(**_frozen(fields))


def _scores(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a combination as they were."""
    found = fields.get('calibration')
    known = found and {'calibration': Calibration.from_dict(found)}
    return {**_frozen(fields), **(known or {})}


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    """Return JSON's lists as the tuples that they were."""
    return {k: tuple(v) if type(v) is list else v for k, v in fields.items()}

"""From finished runs to a comparison."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..evaluation.measures import (
    combination_names,
    expected_miou,
    failing,
    mean_miou,
    nested_pairs,
    recovered_fraction,
    shares_won_back,
    won_back,
    worse_pairs,
    worst_combination,
)
from ..modality import Stack
from .checks import check_alike, check_dedicated, check_scored
from .comparison import MEASURES, MISSING_RATE, Comparison, Method, Stat
from .runs import BASE, DEDICATED, Run

Scores = Mapping[str, float]
NOTHING = Stat((0.0,))


def compare(
    runs: Sequence[Run],
    base: Run | None = None,
    dedicated: Sequence[Run] = (),
) -> Comparison:
    """Put methods side by side.

    Networks that were trained for every combination apart have no full
    combination of their own: there they are the base.

    Args:
        runs: Seeds of one method have one name.
        base: The pretrained network, as it was scored without any repair.
        dedicated: Networks trained for one combination each, by seed.

    Raises:
        ValueError: runs that were not measured in the same way, or two that
            are called the same.
    """
    given = [base] if base else []
    parts = [p for run in (*given, *runs, *dedicated) for p in run.parts]
    images = check_alike(parts)
    largest = max((p.report for p in parts), key=lambda r: len(r.modalities))
    full = largest.full
    check_dedicated(dedicated, full)
    pretrained = base.miou if base else {}
    scored = [*given, *runs]
    names = check_scored(
        scored, [_completed(run, full, pretrained) for run in scored]
    )
    stack = largest.stack if largest.modalities else None
    frame = _Frame(
        stack=stack,
        full=full,
        names=_in_order(names, stack),
        pretrained=pretrained,
        goal=_goal(dedicated, full, pretrained),
        size=_base_size(given, runs),
        pairs=nested_pairs({name: images[name] for name in names}),
    )
    return Comparison(
        modalities=largest.modalities,
        sensors=largest.sensors,
        rule=parts[0].report.rule,
        split=parts[0].report.split,
        images={name: images[name] for name in frame.names},
        pairs=len(frame.pairs),
        methods=tuple(map(frame.method, group_seeds(runs))),
        base=frame.base(base) if base else None,
        dedicated=frame.method(dedicated) if dedicated else None,
    )


@dataclass(frozen=True)
class _Frame:
    """What the numbers of a method are measured against.

    Args:
        stack: Names and sensors; None: not known.
        full: The combination that misses nothing.
        names: The combinations, in order.
        pretrained: Scores of the base; empty: not given.
        goal: Scores of dedicated networks; empty: nothing to recover.
        size: Numbers of the base; None: not known.
        pairs: Combinations and larger ones, scored on as many images.
    """

    stack: Stack | None
    full: str
    names: tuple[str, ...]
    pretrained: Scores
    goal: Scores
    size: int | None
    pairs: Sequence[tuple[str, str]]

    def base(self, run: Run) -> Method:
        """Return the row of the base, which adds nothing to itself."""
        return replace(
            self.method([run]),
            added=NOTHING,
            added_percent=NOTHING,
            stored=NOTHING,
        )

    def method(self, runs: Sequence[Run]) -> Method:
        """Sum up the seeds of one method."""
        scores = [_completed(run, self.full, self.pretrained) for run in runs]
        parts = [part for run in runs for part in run.parts]
        measured = [self._measure(miou) for miou in scores]
        shares = [self._shares(miou) for miou in scores]
        stats = _stats(self.names, scores)
        return Method(
            name=runs[0].name,
            seeds=tuple(run.seed for run in runs),
            folders=tuple(part.folder for part in parts),
            fill=', '.join(dict.fromkeys(part.report.fill for part in parts)),
            miou=stats,
            **{k: Stat.known([m.get(k) for m in measured]) for k in MEASURES},
            added=Stat.known([run.added for run in runs]),
            added_percent=Stat.known([self._percent(run) for run in runs]),
            stored=Stat.known([run.stored for run in runs]),
            seconds=Stat.known([run.seconds for run in runs]),
            memory_mib=Stat.known([run.memory_mib for run in runs]),
            shares=_stats(self.names, shares),
            **self._worst({name: stat.mean for name, stat in stats.items()}),
        )

    def _worst(self, means: Scores) -> dict[str, Any]:
        """Name the worst combination and pair, where all are known."""
        if set(means) != set(self.names):
            return {}
        pairs = worse_pairs(means, self.pairs)
        worst = worst_combination(means)
        return {'worst_name': worst, 'worst_pair': next(iter(pairs), None)}

    def _shares(self, miou: Scores) -> Scores:
        """Return what each combination of one seed won back."""
        if self.full not in self.pretrained:
            return {}
        return shares_won_back(miou, self.pretrained, self.full)

    def _measure(self, miou: Scores) -> dict[str, float | None]:
        """Return the numbers of one seed that are defined."""
        found: dict[str, float | None] = {}
        missing = _missing(self.names, self.full)
        if missing and all(name in miou for name in missing):
            found['mean_missing'] = mean_miou({n: miou[n] for n in missing})
            if self.full in self.pretrained:
                found['won_back'] = won_back(
                    miou, self.pretrained, self.full, missing
                )
        if all(name in miou for name in self.names):
            of_all = {name: miou[name] for name in self.names}
            found['mean'] = mean_miou(of_all)
            found['worst'] = min(of_all.values())
            found['worse_pairs'] = len(worse_pairs(miou, self.pairs))
        if self.stack and set(combination_names(self.stack)) <= set(miou):
            found['expected'] = expected_miou(
                miou, failing(self.stack, self.names), MISSING_RATE
            )
        if self.goal and all(name in miou for name in self.goal):
            found['recovered'] = recovered_fraction(
                miou, self.pretrained, self.goal
            )
        return found

    def _percent(self, run: Run) -> float | None:
        """Return what is added, in per cent of the base."""
        cost = run.parts[0].cost
        size = self.size
        if cost is not None and cost.added_parameters:
            size = cost.base_parameters
        if run.added is None or (size is None and run.added):
            return None
        return 100 * run.added / (size or 1)


def _stats(names: Sequence[str], seeds: Sequence[Scores]) -> dict[str, Stat]:
    """Return the scores of all seeds by combination."""
    found = {n: tuple(s[n] for s in seeds if n in s) for n in names}
    return {name: Stat(values) for name, values in found.items() if values}


def _completed(run: Run, full: str, pretrained: Scores) -> Scores:
    """Return a run's scores; the base serves what needs no repair."""
    if run.is_split and full in pretrained:
        return {full: pretrained[full], **run.miou}
    return run.miou


def _goal(dedicated: Sequence[Run], full: str, pretrained: Scores) -> Scores:
    """Return the dedicated networks' scores, where there is a gap to them."""
    scores: dict[str, list[float]] = {}
    for run in dedicated:
        for name, value in run.miou.items():
            scores.setdefault(name, []).append(value)
    names = _missing(pretrained, full)
    goal = {n: statistics.fmean(scores[n]) for n in names if n in scores}
    gap = sum(goal[name] - pretrained[name] for name in goal)
    return goal if gap > 0 else {}


def _base_size(given: Sequence[Run], runs: Sequence[Run]) -> int | None:
    """Return the numbers of the base, from it or from what adapts it."""
    for run in given:
        if run.parts[0].cost is not None:
            return run.parts[0].cost.base_parameters
    costs = [part.cost for run in runs for part in run.parts if part.cost]
    return next((c.base_parameters for c in costs if c.added_parameters), None)


def _missing(names: Sequence[str] | Scores, full: str) -> list[str]:
    return [name for name in names if name != full]


def _in_order(names: Sequence[str], stack: Stack | None) -> tuple[str, ...]:
    """Return names as every table lists them, larger ones first."""
    if stack is None:
        return tuple(names)
    return tuple(name for name in stack.subsets() if name in names)


def group_seeds(runs: Sequence[Run]) -> list[list[Run]]:
    """Return the seeds of each method, in the order the methods came.

    Raises:
        ValueError: one seed of a method twice, or a name that is taken.
    """
    methods: dict[str, dict[int | None, Run]] = {}
    for run in runs:
        if run.name in (BASE, DEDICATED):
            raise ValueError(
                f'no method can be called {run.name!r}; rename '
                f'{run.parts[0].folder!r}, or check --name-pattern'
            )
        seeds = methods.setdefault(run.name, {})
        other = seeds.setdefault(run.seed, run)
        if other is not run:
            raise ValueError(
                f'{other.parts[0].folder!r} and {run.parts[0].folder!r} are '
                f'both {run.name!r}; let the names of seeds end in '
                '-seed<number>, or check --name-pattern'
            )
    return [
        sorted(seeds.values(), key=lambda run: (run.seed is None, run.seed))
        for seeds in methods.values()
    ]

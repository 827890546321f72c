"""Methods side by side, as plain data: mIoU in per cent and what it cost."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..evaluation.measures import Pair, named_stack, scope

# p of the one E(p) in the table.
MISSING_RATE = 0.1
# What is measured of every seed.
MEASURES = (
    *('mean', 'mean_missing', 'worst', 'expected', 'recovered', 'won_back'),
    'worse_pairs',
)


@dataclass(frozen=True)
class Stat:
    """One number of a method, over its seeds.

    Args:
        values: One per seed, at least one.
    """

    values: tuple[float, ...]

    @classmethod
    def known(cls, values: Sequence[float | None]) -> Stat | None:
        """Return the values over seeds, if all are known."""
        return None if None in values else cls(tuple(values))

    @property
    def mean(self) -> float:
        """Plain mean."""
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float | None:
        """Sample standard deviation; None for one seed."""
        if len(self.values) < 2:
            return None
        return statistics.stdev(self.values)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds of it."""
        return {
            'mean': self.mean,
            'std': self.spread,
            'min': min(self.values),
            'max': max(self.values),
            'values': self.values,
        }


@dataclass(frozen=True)
class Method:
    """One row of a comparison; None: not known, or not defined.

    Args:
        name: What it is called.
        seeds: None where the folder's name states none.
        folders: Where the reports lie.
        fill: What stood in for absent modalities.
        miou: By combination, in canonical order.
        mean: Over all combinations, the full one included.
        mean_missing: Over those that miss something.
        worst: Score of the worst combination of each seed.
        expected: E(p) with p = ``MISSING_RATE``.
        recovered: Recovered fraction.
        won_back: Share of what missing sensors cost the base.
        worse_pairs: How often a combination scores worse than a part of it.
        added: Numbers added for one combination, at most.
        added_percent: The same, in per cent of the base.
        stored: Numbers added for all combinations.
        seconds: Seconds of all training steps.
        memory_mib: Peak memory of training.
        shares: What each combination won back; without those that lost
            nothing.
        worst_name: The combination with the lowest mean over seeds; empty:
            it is not known.
        worst_pair: By the means over seeds; None: in no pair the larger
            combination is worse.
    """

    name: str
    seeds: tuple[int | None, ...]
    folders: tuple[str, ...]
    fill: str
    miou: Mapping[str, Stat]
    mean: Stat | None
    mean_missing: Stat | None
    worst: Stat | None
    expected: Stat | None
    recovered: Stat | None
    won_back: Stat | None
    worse_pairs: Stat | None
    added: Stat | None
    added_percent: Stat | None
    stored: Stat | None
    seconds: Stat | None
    memory_mib: Stat | None
    shares: Mapping[str, Stat]
    worst_name: str = ''
    worst_pair: Pair | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds of it."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        for key in ('miou', 'shares'):
            values[key] = {k: v.to_dict() for k, v in values[key].items()}
        if self.worst_pair is not None:
            values['worst_pair'] = self.worst_pair._asdict()
        return {
            key: value.to_dict() if isinstance(value, Stat) else value
            for key, value in values.items()
        }


@dataclass(frozen=True)
class Comparison:
    """Methods that were measured in the same way.

    Args:
        modalities: Names in stack order.
        rule: mIoU rule.
        split: What was scored.
        images: Number of images by combination.
        pairs: How many combinations hold another one of the same images.
        methods: Methods, in the order given.
        base: The pretrained network; None: not given.
        dedicated: Networks trained for one combination each; None: not given.
        sensors: One per modality; empty: each modality is its own.
    """

    modalities: tuple[str, ...]
    rule: str
    split: str
    images: Mapping[str, int]
    pairs: int
    methods: tuple[Method, ...]
    base: Method | None
    dedicated: Method | None
    sensors: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[Method, ...]:
        """The base, the methods and the dedicated networks."""
        rows = (self.base, *self.methods, self.dedicated)
        return tuple(row for row in rows if row is not None)

    @property
    def combinations(self) -> tuple[str, ...]:
        """What was scored, larger combinations first."""
        return tuple(self.images)

    @property
    def missing(self) -> tuple[str, ...]:
        """The combinations that miss something."""
        full = '+'.join(self.modalities) or 'full'
        return tuple(name for name in self.combinations if name != full)

    @property
    def shared(self) -> tuple[str, ...]:
        """The missing combinations that have a dedicated network."""
        if not (self.base and self.dedicated):
            return ()
        return tuple(n for n in self.missing if n in self.dedicated.miou)

    @property
    def gap(self) -> float:
        """Points that dedicated networks are better by, summed."""
        return sum(
            self.dedicated.miou[name].mean - self.base.miou[name].mean
            for name in self.shared
        )

    @property
    def settings(self) -> str:
        """The words that every table of these numbers must carry."""
        counts = sorted(set(self.images.values()))
        images = ' to '.join(map(str, counts[:1] + counts[1:][-1:]))
        words = [
            f"mIoU (%) by the rule '{self.rule}'",
            f'fill {self._fills()}',
            f'split {self.split}, {images} images per combination',
            f'{len(self.combinations)} combinations, {len(self.missing)} of '
            f'them missing something{self._scope()}',
        ]
        if any(len(row.seeds) > 1 for row in self.rows):
            words.append('± sample standard deviation over seeds')
        if self.shared:
            words.append(self._recovering())
        if self.base:
            words.append(
                'won back: share of what missing sensors cost the base'
            )
        return '; '.join(words)

    def to_json(self) -> str:
        """Return all numbers as JSON."""
        texts = {
            'settings': self.settings,
            'modalities': self.modalities,
            'sensors': self.sensors,
            'rule': self.rule,
            'split': self.split,
            'images': dict(self.images),
            'pairs': self.pairs,
            'base': self.base and self.base.name,
            'dedicated': self.dedicated and self.dedicated.name,
            'methods': [row.to_dict() for row in self.rows],
        }
        return json.dumps(texts, indent=2, allow_nan=False)

    def _scope(self) -> str:
        """Say which combinations these are, where sensors have several."""
        if not self.modalities:
            return ''
        stack = named_stack(self.modalities, self.sensors)
        words = scope(stack, self.combinations)
        return words and f' ({words})'

    def _recovering(self) -> str:
        """Say over which combinations the recovered fraction goes."""
        where = f'{len(self.shared)} of {len(self.missing)} combinations'
        if self.gap <= 0:
            return (
                'no recovered fraction, because the dedicated networks of '
                f'{where} are not better than the base'
            )
        return (
            f'recovered: share of the {self.gap:.1f} points between the base '
            f'and dedicated networks, summed over {where}'
        )

    def _fills(self) -> str:
        """Name the fills; where they differ, who used which."""
        used: dict[str, list[str]] = {}
        for row in (self.base, *self.methods):
            if row is not None:
                used.setdefault(row.fill, []).append(row.name)
        if len(used) == 1:
            return next(iter(used))
        return ', '.join(f'{f} ({", ".join(n)})' for f, n in used.items())

"""Samplers: which modalities the student sees in a training step.

A draw depends on seed, iteration, rank and position alone, so that stopping
and resuming gives the same draws. It is a subset of what the sample really
has, and never empty.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations as combinations_of
from typing import Any, NamedTuple

import torch

from .modality import Stack
from .values import listed, real, whole

Present = tuple[bool, ...]

# Samples mostly have everything, or one of a few patterns.
MAX_KEPT = 256


class Turn(NamedTuple):
    """All that a draw depends on, besides what a sample has.

    Args:
        seed: Of the sampler.
        iteration: Number of the step.
        rank: Of the process.
        position: Of the sample in its batch.
        batch: How many samples the batch has.
    """

    seed: int
    iteration: int
    rank: int
    position: int
    batch: int

    def generator(self) -> torch.Generator:
        """Return a generator that starts anew in each turn."""
        # The hash of numbers is the same in every process.
        seed = hash(tuple(self[:4])) % (1 << 63)
        return torch.Generator().manual_seed(seed)


class Sampler:
    """Draw what each sample of a batch may use.

    Args:
        stack: The modalities.
        keep: Names of modalities that never drop.
        seed: A whole number; other draws for another one.

    Modalities of one sensor (``Modality.sensor``) drop together. A subclass
    says in :meth:`_draw` which of the allowed subsets it takes.

    Raises:
        TypeError: ``keep`` is no list, or ``seed`` no whole number.
        ValueError: ``keep`` names an unknown modality.
    """

    def __init__(
        self, stack: Stack, keep: Sequence[str] = (), seed: int = 0
    ) -> None:
        self.stack = stack
        self.seed = whole('model.sampler.seed', seed)
        names = listed('model.sampler.keep', keep, str)
        kept = {stack[stack.index(name)].sensor for name in names}
        self._kept = tuple(m.sensor in kept for m in stack)
        self._allowed: frozenset[Present] | None = None
        self._options: dict[Present, Any] = {}

    def restrict(self, combinations: Collection[str]) -> None:
        """Draw nothing but these from now on, or all that a sample has.

        Args:
            combinations: Names, such as those that have adapter rows.

        Raises:
            ValueError: one splits a sensor, or none could ever be drawn.
        """
        stack, full = self.stack, (True,) * len(self.stack)
        whole_sensors = set(stack.combinations())
        for name in combinations:
            if name not in whole_sensors:
                raise ValueError(
                    f'combination {name!r} can never be drawn: it splits a '
                    'sensor; check `model.adapter.combinations` and `sensor` '
                    'in `modalities`'
                )
        self._allowed = frozenset({full, *map(stack.parse, combinations)})
        could = any(c != full for c in self._subsets(full))
        self._options.clear()
        if could and self._choices(full) == [full]:
            raise ValueError(
                '`model.sampler` never draws a combination that the adapters '
                f'learn, {", ".join(combinations)}: each drops what `keep` '
                'names; check `model.sampler.keep` and '
                '`model.adapter.combinations`'
            )

    def draw(
        self,
        present: Sequence[Sequence[bool]],
        iteration: int,
        rank: int = 0,
    ) -> list[Present]:
        """Return for each sample a non-empty part of what it has.

        Args:
            present: (n, M) flags, in stack order.
            iteration: Number of the step.
            rank: Of the process.

        Raises:
            ValueError: a sample with nothing, or a wrong number of flags.
        """
        drawn = []
        for position, flags in enumerate(present):
            self.stack.format(flags)
            turn = Turn(self.seed, iteration, rank, position, len(present))
            drawn.append(self._draw(self._find(tuple(flags)), turn))
        return drawn

    def _find(self, present: Present) -> Any:
        """Return the options of a sample, found once for each ``present``."""
        if present not in self._options:
            if len(self._options) >= MAX_KEPT:
                self._options.clear()
            self._options[present] = self._prepare(self._choices(present))
        return self._options[present]

    def _choices(self, present: Present) -> list[Present]:
        """Return all allowed subsets of ``present``, the largest first.

        Where nothing is allowed, all that is present.
        """
        subsets, allowed = self._subsets(present), self._allowed
        if allowed is not None:
            subsets = [c for c in subsets if c in allowed]
        return subsets or [present]

    def _subsets(self, present: Present) -> list[Present]:
        """Return those that drop whole sensors and nothing kept."""
        loose: dict[str | None, set[int]] = {}
        for i, m in enumerate(self.stack):
            if present[i] and not self._kept[i]:
                loose.setdefault(m.sensor, set()).add(i)
        there = {i for i, flag in enumerate(present) if flag}
        left = [
            sorted(there.difference(*gone))
            for size in range(len(loose) + 1)
            for gone in combinations_of(loose.values(), size)
        ]
        left = sorted(filter(None, left), key=lambda c: (-len(c), c))
        places = range(len(self.stack))
        return [tuple(i in kept for i in places) for kept in map(set, left)]

    def _prepare(self, choices: list[Present]) -> Any:
        """Return what :meth:`_draw` needs to know of the choices."""
        return choices

    def _draw(self, options: Any, turn: Turn) -> Present:
        """Return one of the choices of a sample.

        Args:
            options: What :meth:`_prepare` made of them.
            turn: Whose turn it is.
        """
        raise NotImplementedError


class FullSampler(Sampler):
    """Everything that the sample has: no dropping."""

    def restrict(self, combinations: Collection[str]) -> None:
        """Do nothing: no combination is drawn."""

    def _draw(self, options: list[Present], turn: Turn) -> Present:
        return options[0]


class UniformSampler(Sampler):
    """Every allowed subset with the same probability."""

    def _draw(self, options: list[Present], turn: Turn) -> Present:
        return options[_randint(len(options), turn.generator())]


class SizeFirstSampler(Sampler):
    """First how many modalities, then which; small and large as likely."""

    def _prepare(self, choices: list[Present]) -> list[list[Present]]:
        """Return the choices by size."""
        sizes = sorted({sum(c) for c in choices})
        return [[c for c in choices if sum(c) == size] for size in sizes]

    def _draw(self, options: list[list[Present]], turn: Turn) -> Present:
        generator = turn.generator()
        of_size = options[_randint(len(options), generator)]
        return of_size[_randint(len(of_size), generator)]


class RoundRobinSampler(Sampler):
    """Combinations in turn over the batch, those that miss something.

    Args:
        stack: The modalities.
        combinations: Names of the combinations that take turns; default:
            all that miss something.
        keep: Names of modalities that never drop.
        seed: Where the turn starts.

    A sample that lacks a modality itself takes the next combination that it
    can serve, and all that it has when there is none.

    Raises:
        TypeError: ``combinations`` is no list.
        ValueError: an unknown combination, or an empty list.
    """

    def __init__(
        self,
        stack: Stack,
        combinations: Sequence[str] | None = None,
        keep: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        super().__init__(stack, keep, seed)
        self._named: dict[Present, str] | None = None
        if combinations is not None:
            names = listed('model.sampler.combinations', combinations, str)
            self._named = {stack.parse(name): name for name in names}
            self._check(
                self._subsets((True,) * len(stack)),
                'it splits a sensor or drops what `keep` names; check '
                '`model.sampler` and `sensor` in `modalities`',
            )
            if not names:
                raise ValueError('`model.sampler.combinations` is empty')

    def restrict(self, combinations: Collection[str]) -> None:
        """Draw nothing but these from now on.

        Raises:
            ValueError: one of the sampler's own is not among them.
        """
        super().restrict(combinations)
        assert self._allowed is not None
        self._check(
            self._allowed,
            'the adapters have no row for it; check '
            '`model.adapter.combinations` and `model.sampler.combinations`',
        )

    def _check(self, allowed: Collection[Present], reason: str) -> None:
        known = set(allowed)
        for flags, name in (self._named or {}).items():
            if flags not in known:
                raise ValueError(
                    f'combination {name!r} can never be drawn: {reason}'
                )

    def _prepare(self, choices: list[Present]) -> list[Present]:
        """Return the combinations that take turns, in their order."""
        if self._named is not None:
            known = set(choices)
            turns = [flags for flags in self._named if flags in known]
        else:
            turns = [flags for flags in choices if not all(flags)]
        return turns or choices[:1]

    def _draw(self, options: list[Present], turn: Turn) -> Present:
        step = (turn.iteration + turn.rank) * turn.batch + turn.position
        return options[(self.seed + step) % len(options)]


class BernoulliSampler(Sampler):
    """Each sensor drops on its own, at its own rate.

    Args:
        stack: The modalities.
        rate: Probability of dropping, one for all or one per modality name
            (0 where none is given). A draw that would be empty, or that is
            not allowed, is repeated.
        keep: Names of modalities that never drop.
        seed: Other draws for another one.

    Raises:
        TypeError: a rate that is no number.
        ValueError: a rate outside [0, 1), or different rates in one sensor.
    """

    def __init__(
        self,
        stack: Stack,
        rate: float | Mapping[str, float] = 0.5,
        keep: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        super().__init__(stack, keep, seed)
        self.set_rate(rate)

    def set_rate(self, rate: float | Mapping[str, float]) -> None:
        """Drop at another rate from now on; see the class."""
        stack = self.stack
        if not isinstance(rate, Mapping):
            rate = dict.fromkeys(stack.names, rate)
        self._rate: dict[str, float] = {}
        for name, value in rate.items():
            sensor = str(stack[stack.index(name)].sensor)
            value = real('model.sampler.rate', value, least=0, below=1)
            if self._rate.setdefault(sensor, value) != value:
                raise ValueError(
                    f'rate {value} of {name!r} must be the same for all '
                    f'modalities of the sensor {sensor!r}; check '
                    '`model.sampler.rate`'
                )

    def _prepare(self, choices: list[Present]) -> tuple[Present, set[Present]]:
        """Return the largest choice, and all of them."""
        return choices[0], set(choices)

    def _draw(
        self, options: tuple[Present, set[Present]], turn: Turn
    ) -> Present:
        largest, choices = options
        generator, sensors = turn.generator(), self.stack.sensors
        for _ in range(1000):
            drop = torch.rand(len(sensors), generator=generator).tolist()
            gone = {
                s for s, d in zip(sensors, drop) if d < self._rate.get(s, 0.0)
            }
            chosen = tuple(
                p and (k or m.sensor not in gone)
                for m, p, k in zip(self.stack, largest, self._kept)
            )
            if chosen in choices:
                return chosen
        return largest


SAMPLERS: dict[str, type[Sampler]] = {
    'full': FullSampler,
    'uniform': UniformSampler,
    'size_first': SizeFirstSampler,
    'round_robin': RoundRobinSampler,
    'bernoulli': BernoulliSampler,
}


def build_sampler(stack: Stack, sampler: str | Mapping[str, Any]) -> Sampler:
    """Return a sampler from its name or from ``dict(type=name, ...)``.

    Raises:
        TypeError: a value of a wrong kind.
        ValueError: unknown name or argument.
    """
    if not isinstance(sampler, (str, Mapping)):
        raise TypeError(
            "`model.sampler` takes a name or dict(type='bernoulli', ...), "
            f'got {sampler!r}'
        )
    settings = {'type': sampler} if isinstance(sampler, str) else dict(sampler)
    name = settings.pop('type', None)
    if not isinstance(name, str) or name not in SAMPLERS:
        raise ValueError(
            f'unknown sampler {name!r}; `model.sampler` takes one of '
            f'{", ".join(SAMPLERS)}'
        )
    try:
        return SAMPLERS[name](stack, **settings)
    except TypeError as error:
        if '__init__()' not in str(error):
            raise
        raise ValueError(f'`model.sampler`: {error}') from error


def _randint(high: int, generator: torch.Generator) -> int:
    return int(torch.randint(high, (), generator=generator))

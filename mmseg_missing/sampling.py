"""Samplers: which modalities the student sees in a training step.

A draw depends on seed, iteration, rank and position alone, so that stopping
and resuming gives the same draws. It is a subset of what the sample really
has, and never empty.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .modality import Stack
from .names import Names, a_subclass_of
from .present import Key, as_present, keys
from .values import listed, real, whole

# Samples mostly have everything, or one of a few patterns.
MAX_KEPT = 256
# Of a draw that is repeated: so many at once.
TRIES = 16


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
    says in :meth:`choose` which of the allowed subsets it takes.

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
        [self._full] = stack.present(stack.full)
        self._kept = self._full.clone()
        for place, modality in enumerate(stack):
            self._kept[place] = modality.sensor in kept
        self._left = stack.present(stack.combinations()) | self._kept
        self._allowed: set[Key] | None = None
        self._options: dict[Key, Any] = {}

    def allow(self, combinations: Collection[str]) -> None:
        """Draw nothing but these from now on, or all that a sample has.

        Args:
            combinations: Names, such as those that have adapter rows.

        Raises:
            ValueError: one splits a sensor, or none could ever be drawn.
        """
        whole_sensors = set(self.stack.combinations())
        for name in combinations:
            if name not in whole_sensors:
                raise ValueError(
                    f'combination {name!r} can never be drawn: it splits a '
                    'sensor; check `model.adapter.combinations` and `sensor` '
                    'in `modalities`'
                )
        known = self.stack.present([self.stack.full, *combinations])
        self._allowed = set(keys(known))
        self._options.clear()
        could = len(self._subsets(self._full)) > 1
        if could and len(self._choices(self._full)) == 1:
            raise ValueError(
                '`model.sampler` never draws a combination that the adapters '
                f'learn, {", ".join(combinations)}: each drops what `keep` '
                'names; check `model.sampler.keep` and '
                '`model.adapter.combinations`'
            )

    def draw(self, present: Tensor, iteration: int, rank: int = 0) -> Tensor:
        """Return for each sample a non-empty part of what it has.

        Args:
            present: (n, M) bool, in stack order.
            iteration: Number of the step.
            rank: Of the process.

        Returns:
            (n, M) bool, a new tensor.

        Raises:
            ValueError: a sample with nothing, or a wrong number of flags.
        """
        present = as_present(present, self.stack)
        drawn = []
        for position, key in enumerate(keys(present)):
            turn = Turn(self.seed, iteration, rank, position, len(present))
            options = self._find(key, present[position])
            drawn.append(self.choose(options, turn))
        chosen = torch.stack(drawn)
        if (chosen & ~present).any() or not chosen.any(1).all():
            raise ValueError(
                f'{type(self).__name__} chose {keys(chosen)} for samples that '
                f'have {keys(present)}; return one of the options of each'
            )
        return chosen

    def _find(self, key: Key, present: Tensor) -> Any:
        """Return the options of a sample, found once for each ``present``."""
        if key not in self._options:
            if len(self._options) >= MAX_KEPT:
                self._options.clear()
            self._options[key] = self.prepare(self._choices(present))
        return self._options[key]

    def _choices(self, present: Tensor) -> Tensor:
        """Return all allowed subsets of ``present``, (k, M), largest first.

        Where nothing is allowed, all that is present.
        """
        subsets, allowed = self._subsets(present), self._allowed
        if allowed is not None:
            places = [i for i, k in enumerate(keys(subsets)) if k in allowed]
            subsets = subsets[places]
        return subsets if len(subsets) else present[None]

    def _subsets(self, present: Tensor) -> Tensor:
        """Return those that drop whole sensors and nothing kept, (k, M)."""
        subsets = present & self._left
        subsets = subsets[subsets.any(1)].unique(dim=0).flip(0)
        sizes = subsets.sum(1)
        return subsets[sizes.argsort(descending=True, stable=True)]

    def prepare(self, choices: Tensor) -> Any:
        """Return what :meth:`choose` needs to know of the choices, (k, M)."""
        return choices

    def choose(self, options: Any, turn: Turn) -> Tensor:
        """Return one of the choices of a sample, (M,).

        Args:
            options: What :meth:`prepare` made of them.
            turn: Whose turn it is.
        """
        raise NotImplementedError


class FullSampler(Sampler):
    """Everything that the sample has: no dropping."""

    def allow(self, combinations: Collection[str]) -> None:
        """Do nothing: no combination is drawn."""

    def choose(self, options: Tensor, turn: Turn) -> Tensor:
        return options[0]


class UniformSampler(Sampler):
    """Every allowed subset with the same probability."""

    def choose(self, options: Tensor, turn: Turn) -> Tensor:
        return _one_of(options, turn.generator())


class SizeFirstSampler(Sampler):
    """First how many modalities, then which; small and large as likely."""

    def prepare(self, choices: Tensor) -> list[Tensor]:
        """Return the choices by size."""
        sizes = choices.sum(1)
        return [choices[sizes == size] for size in sizes.unique()]

    def choose(self, options: list[Tensor], turn: Turn) -> Tensor:
        generator = turn.generator()
        return _one_of(_one_of(options, generator), generator)


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
        self._named: dict[Key, str] | None = None
        if combinations is not None:
            names = listed('model.sampler.combinations', combinations, str)
            self._named = dict(zip(keys(stack.present(names)), names))
            self._check(
                keys(self._subsets(self._full)),
                'it splits a sensor or drops what `keep` names; check '
                '`model.sampler` and `sensor` in `modalities`',
            )
            if not names:
                raise ValueError('`model.sampler.combinations` is empty')

    def allow(self, combinations: Collection[str]) -> None:
        """Draw nothing but these from now on.

        Raises:
            ValueError: one of the sampler's own is not among them.
        """
        super().allow(combinations)
        assert self._allowed is not None
        self._check(
            self._allowed,
            'the adapters have no row for it; check '
            '`model.adapter.combinations` and `model.sampler.combinations`',
        )

    def _check(self, allowed: Collection[Key], reason: str) -> None:
        for key, name in (self._named or {}).items():
            if key not in allowed:
                raise ValueError(
                    f'combination {name!r} can never be drawn: {reason}'
                )

    def prepare(self, choices: Tensor) -> Tensor:
        """Return the combinations that take turns, in their order."""
        turns = choices[~choices.all(1)]
        if self._named is not None:
            places = {key: i for i, key in enumerate(keys(choices))}
            turns = choices[[places[k] for k in self._named if k in places]]
        return turns if len(turns) else choices[:1]

    def choose(self, options: Tensor, turn: Turn) -> Tensor:
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
        rates: dict[str, float] = {}
        for name, value in rate.items():
            sensor = str(stack[stack.index(name)].sensor)
            value = real('model.sampler.rate', value, least=0, below=1)
            if rates.setdefault(sensor, value) != value:
                raise ValueError(
                    f'rate {value} of {name!r} must be the same for all '
                    f'modalities of the sensor {sensor!r}; check '
                    '`model.sampler.rate`'
                )
        sensors = stack.sensors
        self._rate = torch.tensor(
            [rates.get(s, 0.0) for s in sensors], dtype=torch.float64
        )
        self._sensor = [sensors.index(str(m.sensor)) for m in stack]

    def prepare(self, choices: Tensor) -> tuple[Tensor, set[Key]]:
        """Return the largest choice, and the keys of all of them."""
        return choices[0], set(keys(choices))

    def choose(self, options: tuple[Tensor, set[Key]], turn: Turn) -> Tensor:
        largest, allowed = options
        generator, size = turn.generator(), (TRIES, len(self._rate))
        for _ in range(1000 // TRIES):
            gone = torch.rand(size, generator=generator) < self._rate
            drawn = largest & (self._kept | ~gone[:, self._sensor])
            for place, key in enumerate(keys(drawn)):
                if key in allowed:
                    return drawn[place]
        return largest


SAMPLERS = Names('sampler', *a_subclass_of(Sampler))
SAMPLERS['full'] = FullSampler
SAMPLERS['uniform'] = UniformSampler
SAMPLERS['size_first'] = SizeFirstSampler
SAMPLERS['round_robin'] = RoundRobinSampler
SAMPLERS['bernoulli'] = BernoulliSampler


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
    kind = SAMPLERS.find('model.sampler', settings.pop('type', None))
    try:
        return kind(stack, **settings)
    except TypeError as error:
        if '__init__()' not in str(error):
            raise
        raise ValueError(f'`model.sampler`: {error}') from error


def _one_of(options: Any, generator: torch.Generator) -> Any:
    return options[int(torch.randint(len(options), (), generator=generator))]

"""Samplers: which modalities the student sees in a training step.

A draw depends on seed, iteration, rank and position alone, so that stopping
and resuming gives the same draws. It is a subset of what the sample really
has, and never empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from .modality import Stack

Present = tuple[bool, ...]


class Sampler:
    """Draw what each sample of a batch may use.

    Args:
        stack: The modalities.
        keep: Names of modalities that never drop.
        seed: Of the draws.

    Modalities of one sensor (``Modality.sensor``) drop together.

    Raises:
        ValueError: ``keep`` names an unknown modality.
    """

    def __init__(
        self, stack: Stack, keep: Sequence[str] = (), seed: int = 0
    ) -> None:
        self.stack, self.seed = stack, seed
        kept = {stack[stack.index(name)].sensor for name in keep}
        self._kept = tuple(m.sensor in kept for m in stack)

    def draw(
        self, present: Sequence[Present], iteration: int, rank: int = 0
    ) -> list[Present]:
        """Return for each sample a non-empty part of what it has.

        Raises:
            ValueError: a sample with nothing, or a wrong number of flags.
        """
        for flags in present:
            self.stack.format(flags)
        return [
            self._draw(self._choices(tuple(p)), iteration, rank, i, present)
            for i, p in enumerate(present)
        ]

    def _choices(self, present: Present) -> list[Present]:
        """Return all allowed subsets of ``present``, the largest first."""
        choices: dict[Present, None] = {}
        for combination in self.stack.combinations():
            chosen = self.stack.parse(combination)
            if self._allowed(chosen, present):
                choices[chosen] = None
        return list(choices)

    def _allowed(self, chosen: Present, present: Present) -> bool:
        """Say whether ``chosen`` drops whole sensors and nothing kept."""
        dropped = {
            m.sensor
            for m, c, p in zip(self.stack, chosen, present)
            if p and not c
        }
        return all(
            (p or not c)
            and not (c and m.sensor in dropped)
            and (c or not p or not k)
            for m, c, p, k in zip(self.stack, chosen, present, self._kept)
        )

    def _generator(
        self, iteration: int, rank: int, position: int
    ) -> torch.Generator:
        """Return a generator that depends on nothing but its arguments."""
        seed = hash((self.seed, iteration, rank, position)) % (1 << 63)
        return torch.Generator().manual_seed(seed)

    def _draw(
        self,
        choices: list[Present],
        iteration: int,
        rank: int,
        position: int,
        batch: Sequence[Present],
    ) -> Present:
        raise NotImplementedError


class FullSampler(Sampler):
    """Everything that the sample has: no dropping."""

    def _draw(self, choices, iteration, rank, position, batch):
        return choices[0]


class UniformSampler(Sampler):
    """Every allowed subset with the same probability."""

    def _draw(self, choices, iteration, rank, position, batch):
        generator = self._generator(iteration, rank, position)
        return choices[_randint(len(choices), generator)]


class SizeFirstSampler(Sampler):
    """First how many modalities, then which; small and large as likely."""

    def _draw(self, choices, iteration, rank, position, batch):
        generator = self._generator(iteration, rank, position)
        sizes = sorted({sum(c) for c in choices})
        size = sizes[_randint(len(sizes), generator)]
        of_size = [c for c in choices if sum(c) == size]
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
    can serve, and all that it has when there is none. A complete one takes
    those of :func:`drawable`.

    Raises:
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
        names = stack.incomplete() if combinations is None else combinations
        self._turns = [stack.parse(name) for name in names]
        allowed = self._choices((True,) * len(stack))
        for name, turn in zip(names, self._turns):
            if combinations is not None and turn not in allowed:
                raise ValueError(
                    f'combination {name!r} can never be drawn: it splits a '
                    'sensor or drops what `keep` names; check `model.sampler` '
                    'and `sensor` in `modalities`'
                )
        if combinations is not None and not self._turns:
            raise ValueError('`model.sampler.combinations` is empty')

    def _draw(self, choices, iteration, rank, position, batch):
        turns = [t for t in self._turns if t in choices] or choices[:1]
        turn = self.seed + (iteration + rank) * len(batch) + position
        return turns[turn % len(turns)]


class BernoulliSampler(Sampler):
    """Each sensor drops on its own, at its own rate.

    Args:
        stack: The modalities.
        rate: Probability of dropping, one for all or one per modality name
            (0 where none is given). A draw that would be empty is repeated.
        keep: Names of modalities that never drop.
        seed: Of the draws.

    Raises:
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
        if not isinstance(rate, Mapping):
            rate = dict.fromkeys(stack.names, float(rate))
        self._rate: dict[str | None, float] = {}
        for name, value in rate.items():
            sensor = stack[stack.index(name)].sensor
            if not 0 <= value < 1 or self._rate.get(sensor, value) != value:
                raise ValueError(
                    f'rate {value} of {name!r} must lie in [0, 1) and be the '
                    'same for all modalities of a sensor; check '
                    '`model.sampler.rate`'
                )
            self._rate[sensor] = value

    def _draw(self, choices, iteration, rank, position, batch):
        generator = self._generator(iteration, rank, position)
        sensors = list(dict.fromkeys(m.sensor for m in self.stack))
        for _ in range(1000):
            drop = torch.rand(len(sensors), generator=generator).tolist()
            gone = {
                s for s, d in zip(sensors, drop) if d < self._rate.get(s, 0.0)
            }
            chosen = tuple(
                p and (k or m.sensor not in gone)
                for m, p, k in zip(self.stack, choices[0], self._kept)
            )
            if any(chosen):
                return chosen
        return choices[0]


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
        ValueError: unknown name or argument.
    """
    settings = {'type': sampler} if isinstance(sampler, str) else dict(sampler)
    name = settings.pop('type', None)
    if name not in SAMPLERS:
        raise ValueError(
            f'unknown sampler {name!r}; `model.sampler` takes one of '
            f'{", ".join(SAMPLERS)}'
        )
    try:
        return SAMPLERS[name](stack, **settings)
    except TypeError as error:
        raise ValueError(f'`model.sampler`: {error}') from error


def drawable(stack: Stack, keep: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the combinations that training can draw from a complete sample.

    Those that miss something, in stack order: all 2^M - 2, and fewer where
    modalities share a sensor, since a sensor fails as a whole.

    Args:
        stack: The modalities.
        keep: Names of modalities that never drop.
    """
    full = (True,) * len(stack)
    choices = Sampler(stack, keep)._choices(full)
    return tuple(stack.format(c) for c in choices if c != full)


def _randint(high: int, generator: torch.Generator) -> int:
    return int(torch.randint(high, (), generator=generator))

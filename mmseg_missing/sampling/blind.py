"""Samplers that draw the same however the training goes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..modality import Stack
from ..present import Key, keys
from ..values import listed, real
from .sampler import Sampler, Turn

# Of a draw that is repeated: so many at once.
TRIES = 16


class FullSampler(Sampler):
    """Everything that the sample has: no dropping.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> present = stack.present(['rgb+depth', 'depth'])
    >>> stack.names_of(FullSampler(stack).draw(present, iteration=0))
    ['rgb+depth', 'depth']
    """

    def allow(self, combinations: Collection[str]) -> None:
        """Do nothing: no combination is drawn."""

    def choose(self, options: Tensor, turn: Turn) -> Tensor:
        return options[0]


class UniformSampler(Sampler):
    """Every allowed subset with the same probability.

    >>> stack = Stack([dict(name=n) for n in ('rgb', 'depth', 'thermal')])
    >>> present = stack.present(4 * [stack.full])
    >>> stack.names_of(UniformSampler(stack).draw(present, iteration=0))
    ['rgb+thermal', 'thermal', 'rgb', 'depth+thermal']
    """

    def choose(self, options: Tensor, turn: Turn) -> Tensor:
        return _one_of(options, turn.generator())


class SizeFirstSampler(Sampler):
    """First how many modalities, then which; small and large as likely.

    >>> stack = Stack([dict(name=n) for n in ('rgb', 'depth', 'thermal')])
    >>> present = stack.present(4 * [stack.full])
    >>> stack.names_of(SizeFirstSampler(stack).draw(present, iteration=0))
    ['rgb', 'rgb', 'thermal', 'thermal']
    """

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

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> present = stack.present(4 * [stack.full])
    >>> stack.names_of(RoundRobinSampler(stack).draw(present, iteration=0))
    ['rgb', 'depth', 'rgb', 'depth']
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

    >>> stack = Stack([dict(name=n) for n in ('rgb', 'depth', 'thermal')])
    >>> sampler = BernoulliSampler(stack, rate=0.9, keep=['rgb'])
    >>> present = stack.present(4 * [stack.full])
    >>> stack.names_of(sampler.draw(present, iteration=0))
    ['rgb', 'rgb', 'rgb+depth+thermal', 'rgb']
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


def _one_of(options: Any, generator: torch.Generator) -> Any:
    return options[int(torch.randint(len(options), (), generator=generator))]

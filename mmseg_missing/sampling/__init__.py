"""Samplers: which modalities the student sees in a training step.

A draw is a subset of what the sample really has, and never empty. It depends
on seed, iteration, rank and position, and for a sampler that listens on what
was lost so far, which a checkpoint keeps: stopping and resuming gives the
same draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..modality import Stack
from ..names import Names, a_subclass_of
from .blind import (
    BernoulliSampler,
    FullSampler,
    RoundRobinSampler,
    SizeFirstSampler,
    UniformSampler,
)
from .sampler import Sampler, Turn
from .switching import HalfSampler, SingleSampler, SwitchSampler
from .weighted import WeightedSampler

__all__ = [
    'SAMPLERS',
    'BernoulliSampler',
    'FullSampler',
    'HalfSampler',
    'RoundRobinSampler',
    'Sampler',
    'SingleSampler',
    'SizeFirstSampler',
    'SwitchSampler',
    'Turn',
    'UniformSampler',
    'WeightedSampler',
    'build_sampler',
]

SAMPLERS = Names('sampler', *a_subclass_of(Sampler))
SAMPLERS['full'] = FullSampler
SAMPLERS['uniform'] = UniformSampler
SAMPLERS['size_first'] = SizeFirstSampler
SAMPLERS['round_robin'] = RoundRobinSampler
SAMPLERS['bernoulli'] = BernoulliSampler
SAMPLERS['weighted'] = WeightedSampler
SAMPLERS['switch'] = SwitchSampler
SAMPLERS['half'] = HalfSampler
SAMPLERS['single'] = SingleSampler


def build_sampler(stack: Stack, sampler: str | Mapping[str, Any]) -> Sampler:
    """Return a sampler from its name or from ``dict(type=name, ...)``.

    Raises:
        TypeError: a value of a wrong kind.
        ValueError: unknown name or argument.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> type(build_sampler(stack, dict(type='bernoulli', rate=0.3))).__name__
    'BernoulliSampler'
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

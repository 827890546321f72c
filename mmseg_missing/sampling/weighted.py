"""A sampler that draws what has most to gain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..modality import Stack
from ..present import places
from ..values import choice, probability, real
from .sampler import Sampler, Turn

BY = ('loss', 'gap')
# How much slower a lowest loss rises than a running loss follows: a lucky
# beginning is forgotten.
RISE = 0.1


class WeightedSampler(Sampler):
    """Each combination as often as it has to gain.

    p_c = floor / |C| + (1 - floor) softmax(g_c / temperature), over the
    combinations C that a sample can show. g_c is the running loss of c, an
    exponential mean over the steps that showed it on any rank, or how far
    that is above its lowest value. What was never shown counts as the
    largest; before the first step all are as likely. With adapters, which
    never change what has everything, that is not drawn.

    Args:
        stack: The modalities.
        by: ``loss``: worst first; ``gap``: first what has become worse than
            it was, so that no combination is chased that cannot be better.
            The lowest value follows slowly.
        floor: Share of the draws that goes to all alike, in [0, 1].
        temperature: In the unit of the loss; the smaller, the sharper.
        momentum: How much of a running loss stays in a step, in [0, 1).
        keep: Names of modalities that never drop.
        seed: Other draws for another one.

    Raises:
        TypeError: a value of a wrong kind.
        ValueError: a value out of range.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> sampler = WeightedSampler(stack, floor=0.0, temperature=0.1)
    >>> losses = torch.tensor([float('nan'), 0.1, 2.0, 0.1]).double()
    >>> sampler.heard(losses)  # of: nothing, rgb, depth, both
    >>> present = stack.present(4 * [stack.full])
    >>> stack.names_of(sampler.draw(present, iteration=0))
    ['depth', 'depth', 'depth', 'depth']
    """

    listens = True

    def __init__(
        self,
        stack: Stack,
        by: str = 'loss',
        floor: float = 0.3,
        temperature: float = 1.0,
        momentum: float = 0.95,
        keep: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        super().__init__(stack, keep, seed)
        self.by = choice('model.sampler.by', by, BY)
        self.floor = probability('model.sampler.floor', floor)
        self.temperature = real(
            'model.sampler.temperature', temperature, above=0
        )
        self.momentum = real(
            'model.sampler.momentum', momentum, least=0, below=1
        )
        unheard = torch.full((1 << len(stack),), math.nan)
        self._loss = self._lowest = unheard.double()

    def heard(self, losses: Tensor) -> None:
        """Let the running losses follow those of a step."""
        losses = losses.to(self._loss)
        told, step = losses.isfinite(), 1 - self.momentum
        followed = self._loss + step * (losses - self._loss)
        followed = torch.where(self._loss.isnan(), losses, followed)
        self._loss = torch.where(told, followed, self._loss)
        risen = self._lowest + RISE * step * (self._loss - self._lowest)
        lowest = torch.fmin(self._loss, risen)  # of the known ones
        self._lowest = torch.where(told, lowest, self._lowest)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the running losses and the lowest ones."""
        return {'loss': self._loss, 'lowest': self._lowest}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on with what :meth:`state_dict` gave, on whatever device.

        Raises:
            ValueError: it is of another sampler, or of another stack.
        """
        shapes = {name: tuple(x.shape) for name, x in state.items()}
        if shapes != {n: (len(self._loss),) for n in self.state_dict()}:
            raise ValueError(
                f'expected the running losses of {len(self._loss)} '
                f'combinations, got {shapes}; resume with the `model.sampler` '
                'and the `modalities` of the checkpoint'
            )
        self._loss = state['loss'].to(self._loss)
        self._lowest = state['lowest'].to(self._loss)

    def prepare(self, choices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the choices that can gain, and their places."""
        if self._allowed is not None:
            incomplete = choices[~choices.all(1)]
            choices = incomplete if len(incomplete) else choices[:1]
        return choices, places(choices)

    def choose(self, options: tuple[Tensor, Tensor], turn: Turn) -> Tensor:
        choices, where = options
        drawn = torch.rand((), generator=turn.generator()).double()
        place = int((self._chances(where).cumsum(0) <= drawn).sum())
        return choices[min(place, len(choices) - 1)]  # sums may round

    def chances(self, combinations: Sequence[str]) -> dict[str, float]:
        """Return how likely each of these is, by name, where all can be."""
        where = places(self.stack.present(combinations))
        return dict(zip(combinations, self._chances(where).tolist()))

    def _chances(self, where: Tensor) -> Tensor:
        """Return the probabilities of the combinations at (k,) places."""
        gain = self._loss[where]
        if self.by == 'gap':
            gain = gain - self._lowest[where]
        known = gain[~gain.isnan()]
        most = float(known.max()) if len(known) else 0.0
        sharp = (gain.nan_to_num(most) / self.temperature).softmax(0)
        return self.floor / len(gain) + (1 - self.floor) * sharp

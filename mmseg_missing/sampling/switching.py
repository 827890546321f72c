"""Modality switching: a step shows its samples single sensors."""

from __future__ import annotations

import torch
from torch import Tensor

from .sampler import Sampler, Turn


class SwitchSampler(Sampler):
    """One sensor per sample, each as likely; a batch mixes them.

    Where ``keep`` names modalities, one sensor beside those; where adapters
    have no rows for single sensors, one of the smallest combinations that
    have.

    After the modality switching of Saeed et al., arXiv:2408.07445. Public
    reviews name three strategies: random switching (here this class), half
    multi-modal and half unimodal (:class:`HalfSampler`), unimodal only
    (:class:`SingleSampler`). How the first and the third differ, and the
    shares of the modalities, were not known of the paper; here a sample
    switches in the first and a whole batch in the third.

    >>> stack = Stack([dict(name=n) for n in ('rgb', 'depth', 'thermal')])
    >>> present = stack.present(4 * [stack.full])
    >>> stack.names_of(SwitchSampler(stack).draw(present, iteration=0))
    ['thermal', 'depth', 'thermal', 'rgb']
    """

    def prepare(self, choices: Tensor) -> Tensor:
        """Return the choices that contain no other, (k, M)."""
        beside = choices[(choices & ~self._kept).any(1)]
        rest = (beside if len(beside) else choices).flip(0)  # smallest first
        found = []
        while len(rest):
            found.append(rest[0])
            rest = rest[(rest[0] & ~rest).any(1)]
        return torch.stack(found)

    def choose(self, options: Tensor, turn: Turn) -> Tensor:
        sensors = self.stack.sensors
        draws = torch.rand(len(sensors), generator=turn.generator())
        of_modality = draws[[sensors.index(str(m.sensor)) for m in self.stack]]
        highest = (of_modality * (options & ~self._kept)).amax(1)  # (k,)
        return options[int(highest.argmax())]


class SingleSampler(SwitchSampler):
    """One sensor per batch, each as likely.

    A sample that lacks it shows one that it has. Each process draws its own.
    Norms that samples share, as those of the head, see one sensor at a time.

    >>> stack = Stack([dict(name=n) for n in ('rgb', 'depth', 'thermal')])
    >>> present = stack.present(4 * [stack.full])
    >>> stack.names_of(SingleSampler(stack).draw(present, iteration=0))
    ['thermal', 'thermal', 'thermal', 'thermal']
    """

    def choose(self, options: Tensor, turn: Turn) -> Tensor:
        return super().choose(options, turn._replace(position=0))


class HalfSampler(SwitchSampler):
    """Every second sample all that it has, the others one sensor each.

    >>> stack = Stack([dict(name=n) for n in ('rgb', 'depth', 'thermal')])
    >>> present = stack.present(4 * [stack.full])
    >>> stack.names_of(HalfSampler(stack).draw(present, iteration=0))
    ['rgb+depth+thermal', 'depth', 'rgb+depth+thermal', 'rgb']
    """

    def prepare(self, choices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the largest choice, and those that contain no other."""
        return choices[0], super().prepare(choices)

    def choose(self, options: tuple[Tensor, Tensor], turn: Turn) -> Tensor:
        largest, smallest = options
        step = (turn.iteration + turn.rank) * turn.batch + turn.position
        if (self.seed + step) % 2:
            return super().choose(smallest, turn)
        return largest

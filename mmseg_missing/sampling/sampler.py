"""What every sampler is: a draw of a subset that a sample may show."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..modality import Stack
from ..present import Key, as_present, keys
from ..values import listed, whole

# Samples mostly have everything, or one of a few patterns.
MAX_KEPT = 256


class Turn(NamedTuple):
    """All that a draw depends on, besides what a sample has.

    Args:
        seed: Seed of the sampler.
        iteration: Number of the step.
        rank: Rank of the process.
        position: Position of the sample in its batch.
        batch: How many samples the batch has.

    >>> turn = Turn(seed=0, iteration=3, rank=0, position=1, batch=8)
    >>> torch.equal(*(torch.rand(2, generator=turn.generator()) for _ in '12'))
    True
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

    Attributes:
        listens: Whether draws depend on what earlier ones lost; then
            :meth:`heard` is called after every training step.

    Raises:
        TypeError: ``keep`` is no list, or ``seed`` no whole number.
        ValueError: ``keep`` names an unknown modality.

    >>> class First(Sampler):
    ...     def choose(self, options, turn):
    ...         return options[-1]  # the smallest subset
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> First(stack).draw(stack.present(['rgb+depth', 'rgb']), 0).tolist()
    [[False, True], [True, False]]
    """

    listens = False

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
            rank: Rank of the process.

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

    def heard(self, losses: Tensor) -> None:
        """Hear what the samples of a step lost, on all ranks.

        Args:
            losses: (2^M,) float64, the mean loss of the samples that showed
                each combination, see :func:`mmseg_missing.present.places`;
                NaN where none did.
        """

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps of what was heard."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on with what :meth:`state_dict` gave."""

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

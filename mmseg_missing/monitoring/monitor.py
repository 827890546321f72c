"""Verdicts on sensors, by numbers of clean images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..modality import Stack
from ..values import real
from .clean import QUANTILE, clean_shapes, clean_statistics
from .numbers import displacements, feature_numbers, picture_numbers, shares
from .stems import Stem
from .verdict import CAUSES, WHOLE, Verdict

# Scores of what has not to be measured, so that the last of them counts.
CERTAIN = (1e6, 1e7, 1e8, 1e9)
MOST = 1e5  # of what is measured
# Nobody worries below: shares of pixels, standard deviations.
LEAST_SATURATED, LEAST_OUTSIDE, LEAST_DISPLACED = 0.02, 0.01, 0.5
# Dropping pays where what the network sees is this many limits away, unless
# `mmseg-missing monitor --choose` said otherwise (docs/sensors.md).
TOLERANCE = 2.0


class SensorMonitor:
    """Says which sensors are whole, by what clean images look like.

    Nothing is trained: one pass over clean images gives means and
    covariances of the numbers of :mod:`mmseg_missing.monitoring.numbers`,
    and a limit for each check, the stated quantile of clean images. It
    keeps nothing between calls; see :class:`~mmseg_missing.monitoring.Stream`
    for what does.

    A constant image or one with a value that is not finite is ``absent``;
    one that equals its predecessor, or is beyond a limit, ``degraded``. Many
    faults that are found at once do a network little harm. ``harmful`` is
    what is absent or frozen, or whose features (the picture, without a stem)
    are ``tolerance`` limits away.

    Args:
        stack: The modalities.
        stems: The first layers that see one modality alone, where there
            are.
        clean: Numbers of clean images, as :meth:`learn` makes them.
        quantile: Quantile of clean images below each limit.
        images: How many of them there were.
        tolerance: From how many limits on a sensor is harmful.
        seed: Seed of the order in which images of training were taken.

    Raises:
        ValueError: numbers of other modalities or layers.

    Source: the distance after the reliability gate of multi-modal nets, with
    the whole covariance for its diagonal; the rest is ours.
    """

    def __init__(
        self,
        stack: Stack,
        stems: Mapping[str, Stem],
        clean: Mapping[str, Tensor],
        quantile: float = QUANTILE,
        images: int = 0,
        tolerance: float = TOLERANCE,
        seed: int = 0,
    ) -> None:
        self.tolerance = real('tolerance', tolerance, above=0)
        self.stack, self.stems = stack, dict(stems)
        self.clean = {key: value.cpu() for key, value in clean.items()}
        self.quantile, self.images, self.seed = quantile, images, seed
        kinds = [f'{n}.{k}' for n in stack.names for k in CAUSES[:2]]
        self._keys = [k for k in kinds if f'{k}.mean' in clean]
        ours = clean_shapes(stack, stems)
        theirs = {key: tuple(value.shape) for key, value in clean.items()}
        if ours != theirs:
            key = min(ours.items() ^ theirs.items())[0]
            raise ValueError(
                f'the clean statistics {key!r} have the shape '
                f'{theirs.get(key)}, this network needs {ours.get(key)}'
            )
        self._prepare()

    def _prepare(self) -> None:
        """Put all distances into two products, which are quick."""
        clean = self.clean
        self._mean, self._std = (
            torch.cat([clean[f'{key}.{what}'] for key in self._keys])
            for what in ('mean', 'std')
        )
        inverses = [clean[f'{key}.inverse'] for key in self._keys]
        self._inverse = torch.block_diag(*inverses)
        self._sums = torch.zeros(len(self._mean), len(self.stack) * 2)
        start = 0
        for key, inverse in zip(self._keys, inverses):
            name, _, kind = key.rpartition('.')
            place = self.stack.index(name), CAUSES.index(kind)
            end = start + len(inverse)
            weight = 1 / (len(inverse) * clean['limits'][place])
            self._sums[start:end, 2 * place[0] + place[1]] = weight
            start = end
        stuck = clean['limits'][:, 2].clamp(min=LEAST_SATURATED)
        outside = torch.full_like(stuck, LEAST_OUTSIDE)
        self._shares = torch.stack((stuck, outside), 1)
        self._pairs = clean['pairs'].clamp(min=LEAST_DISPLACED)

    def _over_channels(self, numbers: Tensor) -> Tensor:
        """Return the largest of each modality: (n, sum C, k) to (n, M, k)."""
        parts = self.stack.slices.values()
        return torch.stack([numbers[:, part].amax(1) for part in parts], 1)

    @classmethod
    @torch.no_grad()
    def learn(
        cls,
        stack: Stack,
        stems: Mapping[str, Stem],
        batches: Iterable[Tensor],
        quantile: float = QUANTILE,
        seed: int = 0,
    ) -> SensorMonitor:
        """Return a monitor that knows these images as clean ones.

        Args:
            stack: The modalities.
            stems: See the class.
            batches: (n, sum C, h, w) each, normalised, nothing missing.
            quantile: See :func:`~mmseg_missing.monitoring.clean.
                clean_statistics`.
            seed: Seed of the order of the images.

        Raises:
            ValueError: fewer than 10 images.
        """
        seen = [_look(x, stack, stems) for x in batches]
        clean = clean_statistics(seen, stack, quantile)
        count = sum(len(each['low']) for each in seen)
        return cls(stack, stems, clean, quantile, count, seed=seed)

    @torch.no_grad()
    def __call__(
        self,
        inputs: Tensor,
        present: Tensor,
        previous: Tensor | None = None,
        is_quick: bool = False,
    ) -> Verdict:
        """Judge a batch.

        Args:
            inputs: (n, sum C, h, w), normalised; what is absent may hold
                anything.
            present: (n, M) bool on the CPU.
            previous: The inputs before these, of the same sensors.
            is_quick: Look only at what is ``harmful``.
        """
        seen = _look(inputs, self.stack, self.stems, self.clean, is_quick)
        low, high = seen['low'], seen['high']
        broken = ~(low.isfinite() & high.isfinite())
        alive = low != high
        changed = torch.ones_like(alive)
        if previous is not None and previous.shape == inputs.shape:
            changed = (inputs != previous).flatten(2).any(2).cpu()
        flags = torch.stack((changed, alive, broken), 2)
        none = torch.zeros_like(low)
        table = torch.stack(
            [seen.get(k, none) for k in ('stuck', 'outside')], 2
        )
        table = self._over_channels(torch.cat((table, flags.float()), 2))
        is_moving, is_alive, is_broken = table[..., 2:].bool().unbind(2)
        certain = (~is_moving, ~is_alive, is_broken, ~present)
        usable = present & is_alive & ~is_broken
        far = self._distances(seen)
        pairs = seen.get('pairs', torch.zeros(1)) / self._pairs
        measured = torch.cat(
            (
                far,
                table[..., :2] / self._shares,
                _blamed(pairs, usable)[..., None],
            ),
            2,
        ).nan_to_num(0.0, MOST)
        known = torch.stack(certain, 2) * torch.tensor(CERTAIN)
        numbers = torch.cat((measured.clamp(max=MOST), known), 2)
        scores, causes = numbers.max(2)
        states = WHOLE - (scores > 1).long() - (scores > CERTAIN[0]).long()
        names = self.stack.names
        is_seen = torch.tensor([name in self.stems for name in names])
        off = torch.where(is_seen, far[..., 0], far[..., 1])
        verdict = Verdict(names, states, scores, causes, states < WHOLE, off)
        return verdict.at(self.tolerance)

    def _distances(self, seen: Mapping[str, Tensor]) -> Tensor:
        """Return features and pictures over their limits, (n, M, 2)."""
        n, usual = len(seen['low']), self.clean
        parts = [
            seen[key] if key in seen else usual[f'{key}.mean'].expand(n, -1)
            for key in self._keys
        ]
        numbers = torch.cat(parts, 1)
        z = (numbers - self._mean) / self._std
        found = (z @ self._inverse) * z
        # What is not finite shall not spread to other modalities.
        found = found.nan_to_num(0.0, MOST)
        return (found @ self._sums).unflatten(1, (len(self.stack), 2))

    def metadata(self) -> dict[str, Any]:
        """Return what a file says of it, beside :attr:`clean`."""
        stems = {name: stem.name for name, stem in self.stems.items()}
        is_usual = self.tolerance == TOLERANCE
        return {
            'quantile': self.quantile,
            'images': self.images,
            'stems': stems,
            # Where it was not chosen, files are as they always were.
            **({} if is_usual else {'tolerance': self.tolerance}),
            **({'seed': self.seed} if self.seed else {}),
        }


def _look(
    x: Tensor,
    stack: Stack,
    stems: Mapping[str, Stem],
    clean: Mapping[str, Tensor] | None = None,
    is_quick: bool = False,
) -> dict[str, Tensor]:
    """Return the numbers of a batch on the CPU, (n, ...) each."""
    flat = x.flatten(2)
    low, high = flat.amin(2), flat.amax(2)
    # Without clean images yet, everything lies inside.
    inside = clean or {'low': low.amin(0), 'high': high.amax(0)}
    numbers = {'low': low, 'high': high}
    for name, features in feature_numbers(x, stack, stems).items():
        numbers[f'{name}.features'] = features
    if not is_quick or len(stems) < len(stack):
        pictures = picture_numbers(x)
        for name, part in stack.slices.items():
            numbers[f'{name}.picture'] = pictures[:, part].flatten(1)
    if not is_quick:
        ends = inside['low'], inside['high']
        numbers['stuck'], numbers['outside'] = shares(x, (low, high), ends)
        numbers['pairs'] = displacements(x, stack)
    # One copy, because a device is waited for.
    widths = [value.shape[1] for value in numbers.values()]
    values = torch.cat([v.float() for v in numbers.values()], 1).cpu()
    return dict(zip(numbers, values.split(widths, 1)))


def _blamed(pairs: Tensor, usable: Tensor) -> Tensor:
    """Return how far each modality lies beside all others, (n, M).

    Of two the first is the reference, and the other one is blamed. What is
    within its limit counts as 0.

    Args:
        pairs: (n, M (M - 1) / 2), over their limits.
        usable: (n, M) bool.
    """
    n, m = usable.shape
    if not (pairs > 1).any():
        return torch.zeros(n, m)
    pairs = pairs.where(pairs > 1, 0.0)
    one, other = torch.triu_indices(m, m, 1)
    table = torch.full((n, m, m), torch.inf)
    is_both = usable[:, one] & usable[:, other]
    table[:, one, other] = pairs.masked_fill(~is_both, torch.inf)
    table[:, other, one] = table[:, one, other]
    found = table.amin(2)
    is_first = usable & (usable.cumsum(1) == 1)
    is_pair = usable.sum(1, keepdim=True) == 2
    return found.masked_fill(is_first & is_pair | found.isinf(), 0.0)

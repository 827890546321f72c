"""Modalities, their combinations, and what stands in for an absent one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

INTERPOLATIONS = ('bilinear', 'nearest')
GEOMETRIES = ('plain', 'aolp', 'normals')
FILLS = ('zero', 'black', 'noise', 'copy:<modality>', 'learned')


@dataclass(frozen=True)
class Modality:
    """One named input.

    Args:
        name: Without ``+`` and ``:``; it enters adapter files.
        channels: Number of channels.
        mean: Per channel, in the unit the data set delivers.
        std: Per channel, in the same unit, positive.
        interpolation: How resizing and turning sample it.
        geometry: What flipping and turning do to its values besides moving
            them: nothing (``plain``), angles (``aolp``) or vectors
            (``normals``).
        sensor: Modalities of one sensor fail together; default: its own.

    Raises:
        ValueError: a field has a value that cannot work.
    """

    name: str
    channels: int = 3
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    interpolation: str = 'bilinear'
    geometry: str = 'plain'
    sensor: str | None = None

    def __post_init__(self) -> None:
        if not self.name or set(self.name) & set('+:. '):
            raise ValueError(
                f"modality name {self.name!r} must not be empty or hold '+', "
                "':', '.' or blanks; check `modalities`"
            )
        if self.channels < 1:
            raise ValueError(
                f'modality {self.name!r}: `channels` must be at least 1, got '
                f'{self.channels}'
            )
        for key in ('mean', 'std'):
            values = tuple(float(v) for v in getattr(self, key))
            if len(values) == 1:
                values *= self.channels
            if len(values) != self.channels:
                raise ValueError(
                    f'modality {self.name!r} has {self.channels} channels '
                    f'but {len(values)} values in `{key}`'
                )
            object.__setattr__(self, key, values)
        if min(self.std) <= 0:
            raise ValueError(f'modality {self.name!r} needs positive `std`')
        for key, known in (
            ('interpolation', INTERPOLATIONS),
            ('geometry', GEOMETRIES),
        ):
            if getattr(self, key) not in known:
                raise ValueError(
                    f'modality {self.name!r}: `{key}` must be one of '
                    f'{known}, got {getattr(self, key)!r}'
                )
        object.__setattr__(self, 'sensor', self.sensor or self.name)


class Stack(Sequence[Modality]):
    """The ordered, named structure of modalities.

    Args:
        modalities: Modalities or dicts of their fields, the main one first.

    Raises:
        ValueError: no modality, a name alone, or a name twice.
    """

    def __init__(
        self, modalities: Sequence[Modality | Mapping[str, Any]] | Stack
    ) -> None:
        self._modalities = tuple(map(_modality, modalities))
        self.names = tuple(m.name for m in self._modalities)
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError(
                'a stack needs at least one modality and every name once, '
                f'got {list(self.names)}; check `modalities`'
            )

    def __len__(self) -> int:
        return len(self._modalities)

    def __iter__(self) -> Iterator[Modality]:
        return iter(self._modalities)

    def __getitem__(self, key):  # type: ignore[override]
        """Return a modality by its name or position."""
        return self._modalities[self.index(key) if key in self.names else key]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Stack) and self._modalities == other._modalities
        )

    def __hash__(self) -> int:
        return hash(self._modalities)

    def __repr__(self) -> str:
        return f'Stack({self.full})'

    def index(self, name: str, *_: int) -> int:  # type: ignore[override]
        """Return the position of modality ``name``."""
        if name not in self.names:
            raise ValueError(
                f'unknown modality {name!r}; this stack has {self.full}'
            )
        return self.names.index(name)

    @property
    def in_channels(self) -> list[int]:
        """Channels per modality."""
        return [m.channels for m in self]

    @property
    def num_channels(self) -> int:
        """Channels of the stacked tensor."""
        return sum(self.in_channels)

    @property
    def slices(self) -> dict[str, slice]:
        """Where each modality lies in the stacked tensor."""
        slices, start = {}, 0
        for m in self:
            slices[m.name] = slice(start, start + m.channels)
            start += m.channels
        return slices

    @property
    def full(self) -> str:
        """The combination of all modalities."""
        return '+'.join(self.names)

    def combinations(self) -> tuple[str, ...]:
        """All 2^M - 1 combinations: larger first, then in stack order."""
        return tuple(
            '+'.join(names)
            for size in range(len(self), 0, -1)
            for names in combinations(self.names, size)
        )

    def incomplete(self) -> tuple[str, ...]:
        """The 2^M - 2 combinations that miss something."""
        return self.combinations()[1:]

    def parse(self, combination: str) -> tuple[bool, ...]:
        """Return ``present`` for a combination written ``rgb+depth``.

        Raises:
            ValueError: an empty combination, an unknown name, a name twice.
        """
        names = [name.strip() for name in combination.split('+')]
        if not combination.strip() or len(set(names)) != len(names):
            raise ValueError(
                f'combination {combination!r} must name at least one modality '
                f'of {self.full}, each once'
            )
        for name in names:
            self.index(name)
        return tuple(name in names for name in self.names)

    def format(self, present: Sequence[bool]) -> str:
        """Return the combination's name; the inverse of :meth:`parse`.

        Raises:
            ValueError: nothing is present, or a wrong number of entries.
        """
        if len(present) != len(self) or not any(present):
            raise ValueError(
                f'`present` needs {len(self)} entries for {self.full}, at '
                f'least one of them true, got {list(map(bool, present))}'
            )
        return '+'.join(n for n, p in zip(self.names, present) if p)


def _modality(fields: Modality | Mapping[str, Any]) -> Modality:
    if isinstance(fields, Modality):
        return fields
    if not isinstance(fields, Mapping):
        raise ValueError(
            "a modality is a dict such as dict(name='depth', channels=1, "
            f'mean=[2.8], std=[1.4]), got {fields!r}; check `modalities`'
        )
    return Modality(**fields)


def parse_fill(stack: Stack, fill: str | Mapping[str, str]) -> dict[str, str]:
    """Return the fill of every modality, checked.

    Args:
        stack: The modalities.
        fill: One of :data:`FILLS` for all, or one per modality name
            (``zero`` where none is given).

    Raises:
        ValueError: unknown fill or modality.
    """
    given = (
        fill if isinstance(fill, Mapping) else dict.fromkeys(stack.names, fill)
    )
    for name, kind in given.items():
        is_copy = isinstance(kind, str) and kind.startswith('copy:')
        source = kind.removeprefix('copy:') if is_copy else name
        for used in (name, source):
            if used not in stack.names:
                raise ValueError(
                    f'unknown modality {used!r} in `model.fill`; this stack '
                    f'has {stack.full}'
                )
        if not is_copy and kind not in FILLS:
            raise ValueError(
                f'unknown fill {kind!r} for {name!r} in `model.fill`; use '
                f'one of {", ".join(FILLS)}'
            )
    return {
        # A modality that is its own source has nothing to copy.
        name: 'zero'
        if given.get(name) == f'copy:{name}'
        else given.get(name, 'zero')
        for name in stack.names
    }


def fill_absent(
    inputs: Tensor,
    present: Tensor,
    stack: Stack,
    fill: str | Mapping[str, str] = 'zero',
    seeds: Sequence[int] | None = None,
    learned: Mapping[str, Tensor | Sequence[float]] | None = None,
) -> Tensor:
    """Replace what is absent; nothing of it survives, NaN included.

    Args:
        inputs: (n, sum C, h, w), normalised, in stack order.
        present: (n, M) bool.
        stack: The modalities.
        fill: ``zero``: 0 after normalisation. ``black``: raw 0, so
            ``-mean / std``. ``copy:<modality>``: that modality's channel
            mean, repeated, and zero where it is absent itself. ``noise``:
            standard normal. ``learned``: a vector in ``learned``. Or one of
            these per modality.
        seeds: n numbers that make ``noise`` the same for the same image.
        learned: (C,) per modality, in the space after normalisation; zero
            where none is given.

    Returns:
        (n, sum C, h, w), a new tensor.
    """
    filled = []
    for index, (name, kind) in enumerate(parse_fill(stack, fill).items()):
        x = inputs[:, stack.slices[name]]
        if kind == 'zero':
            substitute = x.new_zeros(())
        elif kind == 'black':
            modality = stack[name]
            substitute = -x.new_tensor(modality.mean) / x.new_tensor(
                modality.std
            )
            substitute = substitute[None, :, None, None]
        elif kind == 'noise':
            substitute = _noise(x, index, seeds)
        elif kind == 'learned':
            vector = torch.as_tensor((learned or {}).get(name, 0.0)).to(x)
            substitute = vector.view(1, -1, 1, 1)
        else:
            substitute = _copy(inputs, present, stack, kind[len('copy:') :])
        keep = present[:, index, None, None, None]
        filled.append(torch.where(keep, x, substitute))
    return torch.cat(filled, dim=1)


def _copy(
    inputs: Tensor, present: Tensor, stack: Stack, source: str
) -> Tensor:
    """Return (n, 1, h, w): the source's channel mean, 0 where absent."""
    mean = inputs[:, stack.slices[source]].mean(dim=1, keepdim=True)
    there = present[:, stack.index(source), None, None, None]
    return torch.where(there, mean, mean.new_zeros(()))


def _noise(x: Tensor, index: int, seeds: Sequence[int] | None) -> Tensor:
    """Return standard normal noise, a function of seed and modality."""
    images = []
    for seed in seeds if seeds is not None else range(len(x)):
        generator = torch.Generator().manual_seed(1009 * int(seed) + index)
        images.append(torch.randn(x.shape[1:], generator=generator))
    return torch.stack(images).to(x)

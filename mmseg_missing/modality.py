"""Modalities and their combinations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

INTERPOLATIONS = ('bilinear', 'nearest')
GEOMETRIES = ('plain', 'aolp', 'normals')


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

    @property
    def sensors(self) -> tuple[str, ...]:
        """The sensors, each once, in stack order."""
        return tuple(dict.fromkeys(str(m.sensor) for m in self))

    def subsets(self) -> tuple[str, ...]:
        """All 2^M - 1 combinations: larger first, then in stack order."""
        return tuple(
            '+'.join(names)
            for size in range(len(self), 0, -1)
            for names in combinations(self.names, size)
        )

    def combinations(self) -> tuple[str, ...]:
        """Those of whole sensors, which are all that failures leave.

        2^S - 1 for S sensors, in the order of :meth:`subsets`, and the same
        where each modality is its own sensor.
        """
        groups = [
            [i for i, m in enumerate(self) if m.sensor == sensor]
            for sensor in self.sensors
        ]
        kept = [
            sorted(chain.from_iterable(chosen))
            for size in range(1, len(groups) + 1)
            for chosen in combinations(groups, size)
        ]
        kept.sort(key=lambda indices: (-len(indices), indices))
        return tuple('+'.join(self.names[i] for i in k) for k in kept)

    def incomplete(self) -> tuple[str, ...]:
        """The combinations of whole sensors that miss something."""
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

    def names_of(self, present: Sequence[Sequence[bool]] | Any) -> list[str]:
        """Return the combination of each sample.

        Args:
            present: (n, M) flags, as a tensor or as lists.

        Raises:
            ValueError: as :meth:`format`.
        """
        rows = present.tolist() if hasattr(present, 'tolist') else present
        return [self.format(flags) for flags in rows]


def _modality(fields: Modality | Mapping[str, Any]) -> Modality:
    if isinstance(fields, Modality):
        return fields
    if not isinstance(fields, Mapping):
        raise ValueError(
            "a modality is a dict such as dict(name='depth', channels=1, "
            f'mean=[2.8], std=[1.4]), got {fields!r}; check `modalities`'
        )
    return Modality(**fields)

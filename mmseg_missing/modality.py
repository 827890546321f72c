"""Modalities and their combinations."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain, combinations, compress
from typing import Any

import torch
from torch import Tensor, nn

from .present import as_present
from .values import choice, listed, real, whole

INTERPOLATIONS = ('bilinear', 'nearest')
GEOMETRIES = ('plain', 'aolp', 'normals')
NAME = re.compile(r'\w[\w-]{0,63}')
# Words that stand where a modality or a combination could.
TAKEN = ('full', 'every', 'subsets', 'label')
FLOAT = torch.finfo(torch.float32)


@dataclass(frozen=True)
class Modality:
    """One named input.

    Args:
        name: Letters, digits, ``_`` and ``-``; it enters adapter files.
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

    >>> Modality('depth', channels=1, mean=[2.8], std=[1.4]).sensor
    'depth'
    >>> Modality('rgb', mean=[123.7, 116.3, 103.5], std=[58.0]).std
    (58.0, 58.0, 58.0)
    """

    name: str
    channels: int = 3
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    interpolation: str = 'bilinear'
    geometry: str = 'plain'
    sensor: str | None = None

    def __post_init__(self) -> None:
        check_name('name', self.name)
        key = f'modalities.{self.name}'
        whole(f'{key}.channels', self.channels, 1, 4096)
        for name in ('mean', 'std'):
            self._spread(name, f'{key}.{name}')
        choice(f'{key}.interpolation', self.interpolation, INTERPOLATIONS)
        choice(f'{key}.geometry', self.geometry, GEOMETRIES)
        if self.sensor is None:
            object.__setattr__(self, 'sensor', self.name)
        check_name(f'{key}.sensor', self.sensor)

    def _spread(self, name: str, key: str) -> None:
        """Check mean or std, and give every channel its number."""
        least = FLOAT.tiny if name == 'std' else -FLOAT.max
        values = tuple(
            real(key, v, least, FLOAT.max)
            for v in listed(key, getattr(self, name))
        )
        if len(values) == 1:
            values *= self.channels
        if len(values) != self.channels:
            raise ValueError(
                f'`{key}` takes one number for each of the {self.channels} '
                f'channels, got {len(values)}'
            )
        object.__setattr__(self, name, values)


def check_name(key: str, name: Any) -> None:
    """Refuse a name that cannot stand in files, folders and combinations.

    Raises:
        TypeError: no text.
        ValueError: empty, too long, with other characters, or a word that
            means something else.
    """
    if not isinstance(name, str):
        raise TypeError(
            f'`{key}` of a modality takes a word, got {name!r}; check '
            '`modalities`'
        )
    if not NAME.fullmatch(name):
        raise ValueError(
            f'modality name {name!r} must be 1 to 64 letters, digits, '
            f"'_' and '-'; check `{key}` in `modalities`"
        )
    # Rows are attributes of a module, under the names of combinations.
    if name in TAKEN or hasattr(nn.ParameterDict, name) or name == 'training':
        raise ValueError(
            f'modality name {name!r} means something else here; choose '
            f'another `{key}` in `modalities`'
        )


class Stack(Sequence[Modality]):
    """The ordered, named structure of modalities.

    Args:
        modalities: Modalities or dicts of their fields, the main one first.

    Raises:
        TypeError: no list.
        ValueError: no modality, a name alone, or a name twice.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> stack.full, stack.num_channels
    ('rgb+depth', 4)
    >>> stack.slices['depth']
    slice(3, 4, None)
    >>> stack.combinations()
    ('rgb+depth', 'rgb', 'depth')
    >>> stack.present(['rgb', 'rgb+depth'])
    tensor([[ True, False],
            [ True,  True]])
    """

    def __init__(
        self, modalities: Sequence[Modality | Mapping[str, Any]] | Stack
    ) -> None:
        if not isinstance(modalities, Stack):
            modalities = listed('modalities', modalities)
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

        >>> stack = Stack([
        ...     dict(name='rgb'),
        ...     dict(name='aolp', sensor='polarimeter'),
        ...     dict(name='dolp', sensor='polarimeter'),
        ... ])
        >>> stack.combinations()
        ('rgb+aolp+dolp', 'aolp+dolp', 'rgb')
        >>> len(stack.subsets())
        7
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

    def choose(self, present: str | Sequence[str]) -> tuple[str, ...]:
        """Return the combinations that a ``present`` asks for, in order.

        Args:
            present: ``every`` (of whole sensors), ``subsets`` (all that
                there are), ``full``, a combination, or a list of these.

        Raises:
            TypeError: no list of texts.
            ValueError: nothing, or an unknown combination.

        >>> stack = Stack([dict(name=n) for n in ('rgb', 'depth', 'thermal')])
        >>> stack.choose('full')
        ('rgb+depth+thermal',)
        >>> stack.choose(['depth+rgb', 'thermal'])
        ('rgb+depth', 'thermal')
        """
        kinds = {
            'every': self.combinations(),
            'subsets': self.subsets(),
            'full': (self.full,),
        }
        given = [present] if isinstance(present, str) else present
        given = listed('present', given, str)
        wanted = {
            self.canonical(name)
            for entry in given
            for name in kinds.get(entry, (entry,))
        }
        if not wanted:
            raise ValueError(
                "`present` must be 'every', 'subsets', 'full' or name "
                f'combinations of {self.full}, got {present!r}'
            )
        return tuple(name for name in self.subsets() if name in wanted)

    def apart(self) -> Stack:
        """Return the same, as if every modality failed by itself."""
        return Stack([replace(m, sensor=None) for m in self])

    def present(self, combinations: str | Sequence[str]) -> Tensor:
        """Return what combinations have, (n, M) bool on the CPU.

        Args:
            combinations: Names such as ``rgb+depth``, or a single one.

        Raises:
            ValueError: an empty combination, an unknown name, a name twice.

        >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
        >>> stack.present(['depth', 'depth+rgb']).tolist()
        [[False, True], [True, True]]
        """
        if isinstance(combinations, str):
            combinations = [combinations]
        parts = [self._parts(combination) for combination in combinations]
        rows = [[name in have for name in self.names] for have in parts]
        present = torch.tensor(rows, dtype=torch.bool, device='cpu')
        return present.view(len(rows), len(self))  # of none as well

    def names_of(self, present: Tensor) -> list[str]:
        """Return the combination of each row; inverse of :meth:`present`.

        >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
        >>> stack.names_of(torch.tensor([[True, False], [True, True]]))
        ['rgb', 'rgb+depth']
        """
        return ['+'.join(compress(self.names, p)) for p in present.tolist()]

    def canonical(self, combination: str) -> str:
        """Return the name of a combination in stack order.

        Raises:
            ValueError: as :meth:`present`.
        """
        have = self._parts(combination)
        return '+'.join(name for name in self.names if name in have)

    def parse(self, combination: str) -> tuple[bool, ...]:
        """Return flags as a tuple; deprecated, use :meth:`present`."""
        _warn_old('parse', 'present')
        return tuple(self.present(combination)[0].tolist())

    def format(self, present: Sequence[bool]) -> str:
        """Return the name of flags; deprecated, use :meth:`names_of`."""
        _warn_old('format', 'names_of')
        return self.names_of(as_present([present], self))[0]

    def _parts(self, combination: str) -> set[str]:
        names = [name.strip() for name in combination.split('+')]
        if not combination.strip() or len(set(names)) != len(names):
            raise ValueError(
                f'combination {combination!r} must name at least one modality '
                f'of {self.full}, each once'
            )
        for name in names:
            self.index(name)
        return set(names)


def _warn_old(old: str, new: str) -> None:
    warnings.warn(
        f'Stack.{old} goes with the next version; use Stack.{new}',
        DeprecationWarning,
        stacklevel=3,
    )


def _modality(given: Modality | Mapping[str, Any]) -> Modality:
    if isinstance(given, Modality):
        return given
    if not isinstance(given, Mapping):
        raise ValueError(
            "a modality is a dict such as dict(name='depth', channels=1, "
            f'mean=[2.8], std=[1.4]), got {given!r}; check `modalities`'
        )
    known = [field.name for field in fields(Modality)]
    strange = [key for key in given if key not in known]
    if strange or 'name' not in given:
        what = f'unknown keys {strange}' if strange else 'no `name`'
        raise ValueError(
            f'modality {given.get("name")!r} of `modalities` has {what}; it '
            f'takes {", ".join(known)}'
        )
    return Modality(**given)

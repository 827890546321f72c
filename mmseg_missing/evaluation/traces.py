"""Traces: which modalities are present in which frame of a sequence."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..modality import Stack
from ..values import expecting, probability, whole

RATES_TEXT = 'dead=0.05,back=0.2'
STALE = 'stale'  # in a file, where 0 and 1 stand


@dataclass(frozen=True, eq=False)
class Trace:
    """What is present in each frame.

    Args:
        stack: The modalities.
        present: (frames, M) bool, in stack order; no row is empty.
        source: Where it comes from, in words.
        stale: (frames, M) bool, what of it shows its image of the last frame
            in which it was there and not stale; None: nothing.

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> present = stack.present(['rgb+depth', 'rgb', 'rgb'])
    >>> trace = Trace(stack, present, 'a drive')
    >>> len(trace), trace.switches, trace.occurring
    (3, 1, ('rgb+depth', 'rgb'))
    """

    stack: Stack
    present: Tensor
    source: str
    stale: Tensor | None = None

    def __len__(self) -> int:
        return len(self.present)

    @property
    def shown(self) -> Tensor:
        """The frame whose image each modality shows, (frames, M) int64.

        Mostly the frame itself; -1 where it is absent, or stale before it
        was ever there.
        """
        is_new = self.present
        if self.stale is not None:
            is_new = is_new & ~self.stale
        frames = torch.arange(len(self))[:, None].expand_as(is_new)
        last = frames.where(is_new, torch.tensor(-1))
        if len(self):
            last = last.cummax(0).values
        return last.where(self.present, torch.tensor(-1))

    @property
    def occurring(self) -> tuple[str, ...]:
        """The combinations that occur, in canonical order."""
        return self.stack.choose(self.stack.names_of(self.present))

    @property
    def switches(self) -> int:
        """How many frames have another combination than the one before."""
        changes = self.present[1:] != self.present[:-1]
        return int(changes.any(1).sum())

    def first(self, num_frames: int) -> Trace:
        """Return the trace of the first frames; later ones are left out.

        Raises:
            ValueError: it is shorter.
        """
        if len(self) < num_frames:
            raise ValueError(
                f'{self.source} ends after frame {len(self)}, and the data '
                f'set has {num_frames}; give a trace with a line for each'
            )
        stale = None if self.stale is None else self.stale[:num_frames]
        present = self.present[:num_frames]
        return Trace(self.stack, present, self.source, stale)

    def to_csv(self) -> str:
        """Return the text that :func:`read_trace` reads."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow(self.stack.names)
        cells = [map(str, row) for row in self.present.int().tolist()]
        if self.stale is not None:
            cells = [
                [STALE if is_stale else cell for cell, is_stale in zip(*row)]
                for row in zip(cells, self.stale.tolist())
            ]
        writer.writerows(cells)
        return text.getvalue()


@dataclass(frozen=True)
class Markov:
    """Sensors that die and come back by chance, each by itself.

    In the first frame all work. If the last ones would die in one frame,
    the one of them that was least likely to stays.

    Args:
        stack: The modalities; those of one sensor share its fate.
        dead: Probability that a sensor that works is dead in the next frame.
        back: Probability that a dead one works again in the next frame.
        seed: A whole number; another trace for another one.
        stale: Probability that a sensor that works shows an old image; never
            in the first frame.

    Raises:
        TypeError: a value of a wrong kind.
        ValueError: a rate outside [0, 1].

    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> trace = Markov(stack, dead=0.2, back=0.5).first(100)
    >>> len(trace), trace.switches
    (100, 47)
    """

    stack: Stack
    dead: float
    back: float
    seed: int = 0
    stale: float = 0.0

    def __post_init__(self) -> None:
        probability('dead', self.dead)
        probability('back', self.back)
        probability('stale', self.stale)
        whole('seed', self.seed, least=0, most=2**63 - 1)

    def __str__(self) -> str:
        stale = f',stale={self.stale:g}' if self.stale else ''
        return f'dead={self.dead:g},back={self.back:g}{stale},seed={self.seed}'

    def first(self, num_frames: int) -> Trace:
        """Draw a trace of so many frames."""
        names = self.stack.sensors
        owner = [names.index(str(m.sensor)) for m in self.stack]
        rows = list(self._states(num_frames, len(names)))
        states = torch.stack(rows) if rows else torch.ones(0, len(names)) > 0
        present = states[:, owner]
        if not self.stale:
            return Trace(self.stack, present, str(self))
        # Draws of their own, so that who is present does not depend on them.
        own = hash((self.seed, 1)) % (1 << 63)
        generator = torch.Generator().manual_seed(own)
        draws = torch.rand(num_frames, len(names), generator=generator)
        is_old = (draws < self.stale)[:, owner]
        is_old[:1] = False
        return Trace(self.stack, present, str(self), present & is_old)

    def _states(self, num_frames: int, num_sensors: int) -> Iterator[Tensor]:
        """Yield which sensors work, (S,) bool, frame by frame."""
        generator = torch.Generator().manual_seed(self.seed)
        works = torch.ones(num_sensors, dtype=torch.bool)
        for number in range(num_frames):
            draws = torch.rand(num_sensors, generator=generator)
            if number:
                after = torch.where(
                    works, draws >= self.dead, draws < self.back
                )
                if not after.any():
                    after[draws.masked_fill(~works, -1).argmax()] = True
                works = after
            yield works


def parse_trace(text: str, stack: Stack) -> Trace | Markov:
    """Return the trace that a command line asks for.

    Args:
        text: A CSV file, see :func:`read_trace`, or rates such as
            ``dead=0.05,back=0.2``, with ``stale=0.1`` where sensors show old
            images and ``seed=1`` if it matters.
        stack: The modalities.

    Raises:
        FileNotFoundError: neither rates nor a file.
        ValueError: a rate outside [0, 1], or as :func:`read_trace`.
    """
    if '=' not in text or Path(text).is_file():
        return read_trace(text, stack)
    try:
        pairs = [pair.split('=') for pair in text.split(',')]
        given = {key.strip(): float(value) for key, value in pairs}
        if len(given) != len(pairs):
            raise ValueError('a key twice')
        seed = given.pop('seed', 0.0)
        seed = int(seed) if seed.is_integer() else seed
        return Markov(stack, **given, seed=seed)
    except (TypeError, ValueError) as error:
        raise ValueError(
            'rates of a trace are two numbers from 0 to 1, such as '
            f'{RATES_TEXT}, and maybe stale=0.1 and seed=1, got {text!r}'
        ) from error


def read_trace(path: str | Path, stack: Stack) -> Trace:
    """Read a CSV: names of the modalities, then 0 or 1 for each, per frame.

    Or ``stale``: present, with the image of the last frame where it was 1.
    Columns may come in any order.

    Raises:
        FileNotFoundError: there is none.
        ValueError: other modalities or values, a frame without any, or a
            stale sensor that showed nothing before.

    >>> from tempfile import TemporaryDirectory
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, 'trace.csv')
    ...     _ = path.write_text(f'rgb,depth{chr(10)}1,1{chr(10)}1,0{chr(10)}')
    ...     trace = read_trace(path, stack)
    >>> stack.names_of(trace.present)
    ['rgb+depth', 'rgb']
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"no trace '{path}'; give a CSV file with a column for each of "
            f'{", ".join(stack.names)}, or rates such as {RATES_TEXT}'
        )
    source = f"trace '{path}'"
    with expecting(f"a CSV of text in '{path}'", 'give another --trace'):
        text = Path(path).read_text(encoding='utf-8-sig')
        reader = csv.reader(io.StringIO(text), strict=True)
        lines = [(reader.line_num, cells) for cells in reader if cells]
    lines = [(at, [c.strip() for c in cells]) for at, cells in lines]
    names = lines[0][1] if lines else []
    if sorted(names) != sorted(stack.names):
        raise ValueError(
            f'the first line of {source} must name {", ".join(stack.names)}, '
            f'each once, got {", ".join(names) or "nothing"}'
        )
    for at, cells in lines[1:]:
        _check_cells(cells, names, f'line {at} of {source}')
    order = [names.index(name) for name in stack.names]
    present, stale = (
        torch.tensor(
            [[cells[i] in words for i in order] for _, cells in lines[1:]],
            dtype=torch.bool,
        ).view(-1, len(names))
        for words in (('1', STALE), (STALE,))
    )
    trace = Trace(stack, present, source, stale if stale.any() else None)
    for frame, m in (present & (trace.shown < 0)).nonzero().tolist():
        raise ValueError(
            f'line {lines[1 + frame][0]} of {source} says that '
            f'{stack.names[m]} is stale, and no line before says 1; say 1 '
            'or 0 there'
        )
    return trace


def _check_cells(cells: list[str], names: list[str], where: str) -> None:
    if len(cells) != len(names) or not set(cells) <= {'0', '1', STALE}:
        raise ValueError(
            f'{where} must hold 0 or 1 for each of {", ".join(names)}, or '
            f'{STALE}, got {",".join(cells)!r}'
        )
    if set(cells) == {'0'}:
        raise ValueError(
            f'{where} has no sensor at all; at least one must be present in '
            'every frame'
        )

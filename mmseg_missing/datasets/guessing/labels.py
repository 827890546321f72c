"""Which classes label files hold, and how a config reads them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmseg_missing.values import VOID

from ..manifest import read_text
from ..transforms.loading import packed_colours
from ..transforms.reading import read_array, traits_of
from .guess import A_GUESS, LIKELY, SURE, Guess, Unclear

# More values in labels are no classes but objects, depths or photographs.
MOST_CLASSES = 150
MOST_COLOURS = 64
THREADS = 4
NUMBERED = re.compile(r'^\s*(\d+)\s*[:;,.)=\t ]\s*(.+)$')
NAME = re.compile(r"^\w[\w \-/().&'+]{0,40}$")


@dataclass
class LabelProbe:
    """What label files hold.

    Args:
        files: how many were read.
        pixels: per stored value; of colours ``0xRRGGBB``.
        is_colour: they have three channels.
        is_palette: they store indices into a palette.
        is_lossy: at least one is in a format that changes values.
        problems: a sentence for each file that is no label.
    """

    files: int = 0
    pixels: Counter[int] = field(default_factory=Counter)
    is_colour: bool = False
    is_palette: bool = False
    is_lossy: bool = False
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def looks_like_labels(self) -> bool:
        """Whether the values could be classes."""
        most = MOST_COLOURS if self.is_colour else MOST_CLASSES
        is_few = 1 < len(self.pixels) <= most
        return is_few and not (self.is_lossy or self.problems)


@dataclass(frozen=True)
class LabelGuess:
    """How a config reads the labels.

    Args:
        kind: the files.
        classes: their names.
        colours: one RGB colour per class, None for the usual ones.
        options: other keys of ``LoadLabel``: ``palette``, ``values``.
        reduce_zero_label: 0 is void and classes count from 1.
        void: what is ignored.
    """

    kind: str
    classes: Guess
    colours: list[tuple[int, int, int]] | None
    options: Mapping[str, Guess]
    reduce_zero_label: Guess | None
    void: Guess


def probe_labels(paths: Sequence[str | Path]) -> LabelProbe:
    """Read label files on a few threads."""
    found = LabelProbe()
    with ThreadPoolExecutor(THREADS) as pool:
        for path, one in zip(paths, pool.map(_look, paths)):
            if isinstance(one, Exception):
                found.problems.append(str(one))
                continue
            traits, shape, values, counts = one
            found.files += 1
            found.sizes[shape[:2]] += 1
            found.is_palette |= 'palette' in traits
            found.is_lossy |= 'lossy' in traits
            found.is_colour |= shape[2] == 3
            if shape[2] not in (1, 3) or len(values) > 4 * MOST_CLASSES:
                found.problems.append(
                    f"'{path}' has {len(values)} values in {shape[2]} channels"
                )
                continue
            found.pixels.update(dict(zip(values, counts)))
    return found


def _look(path: str | Path) -> Any:
    try:
        array = read_array(path, indices=True)
        traits = traits_of(path)
    except (OSError, ValueError) as error:
        return error
    shape = array.shape
    if array.dtype.kind not in 'bui':
        return ValueError(f"'{path}' holds {array.dtype}, no whole numbers")
    if shape[2] == 3:
        array = packed_colours(array)
    values, counts = np.unique(array, return_counts=True)
    return traits, shape, values.tolist(), counts.tolist()


def guess_labels(
    kind: str, probe: LabelProbe, known: ClassList | None = None
) -> LabelGuess:
    """Return how to read labels that were probed.

    Args:
        kind: the files.
        probe: of all of them, or of many.
        known: names of classes, from a file of the user's.

    Raises:
        Unclear: values that cannot be classes.
    """
    _check(kind, probe)
    if probe.is_colour:
        return _by_colour(kind, probe, known)
    values = sorted(probe.pixels)
    options = {}
    if probe.is_palette:
        reason = 'the indices of a palette'
        options['palette'] = Guess(True, LIKELY, reason)
    seen = f'{_listed(values)} in {probe.files} files'
    inner = [value for value in values if value != VOID]
    void = _void(probe)
    if values in ([0, VOID], [0, 128, VOID]):
        return _mask(kind, values, options, seen, known)
    if _is_sparse(inner):
        mapped = {value: i for i, value in enumerate(inner)}
        mapped |= {VOID: VOID} if VOID in values else {}
        options['values'] = Guess(mapped, A_GUESS, f'stored are {seen}')
        classes = _classes(known, list(range(len(inner))), False, inner)
        return LabelGuess(kind, classes, None, options, None, void)
    reduced = _reduced(known, inner, seen)
    top = inner[-1] - bool(reduced and reduced.value)
    classes = _classes(
        known, list(range(top + 1)), bool(reduced and reduced.value)
    )
    if reduced and reduced.value:
        void = Guess('0 and 255', reduced.confidence, reduced.reason)
    return LabelGuess(kind, classes, None, options, reduced, void)


def _check(kind: str, probe: LabelProbe) -> None:
    if probe.is_lossy:
        raise Unclear(
            f'labels {kind!r} are in a format that changes values at edges '
            '(JPEG or the like); write class indices as grey PNGs from the '
            'originals, or name other files by --labels'
        )
    most = MOST_COLOURS if probe.is_colour else MOST_CLASSES
    what = 'colours' if probe.is_colour else 'values'
    if probe.problems or not 1 <= len(probe.pixels) <= most:
        first = f'; {probe.problems[0]}' if probe.problems else ''
        raise Unclear(
            f'labels {kind!r} hold {len(probe.pixels)} {what}{first}: class '
            f'indices, or up to {most} {what} in one or three channels, were '
            'expected; write one number per class, 255 = ignore, or name '
            'other files by --labels'
        )


def _listed(values: Sequence[int]) -> str:
    if len(values) > 8:
        return f'{len(values)} values from {values[0]} to {values[-1]}'
    return ', '.join(map(str, values))


def _void(probe: LabelProbe) -> Guess:
    share = probe.pixels[VOID] / max(sum(probe.pixels.values()), 1)
    if share:
        return Guess(VOID, LIKELY, f'{share:.1%} of the pixels are {VOID}')
    return Guess(VOID, SURE, 'no pixel has it')


def _is_sparse(values: Sequence[int]) -> bool:
    return values[-1] >= 2 * len(values) + 8 or values[-1] >= VOID


def _mask(
    kind: str,
    values: Sequence[int],
    options: dict,
    seen: str,
    known: ClassList | None,
) -> LabelGuess:
    mapped = {value: i for i, value in enumerate(values)}
    reason = (
        f'{seen}, as a mask has; if {VOID} means ignore, delete this line and '
        'a class'
    )
    options = {**options, 'values': Guess(mapped, LIKELY, reason)}
    classes = _classes(known, list(range(len(values))), False, values)
    void = Guess('nothing', LIKELY, f'{VOID} seems to be a class')
    return LabelGuess(kind, classes, None, options, None, void)


def _reduced(
    known: ClassList | None, values: Sequence[int], seen: str
) -> Guess | None:
    """Say whether classes count from 1 and 0 is void; None: nothing says."""
    if values[0] > 0:
        return Guess(True, LIKELY, f'no pixel is 0: {seen}')
    if known and known.first == 1 and 0 in values:
        reason = f'{known.source} counts from 1, and the files hold 0'
        return Guess(True, SURE, reason)
    if known and known.first is None and len(known.names) == values[-1]:
        reason = (
            f'{known.source} has {len(known.names)} names for values up to '
            f'{values[-1]}'
        )
        return Guess(True, LIKELY, reason)
    return None


def _classes(
    known: ClassList | None,
    indices: Sequence[int],
    is_reduced: bool,
    stored: Sequence[int] | None = None,
) -> Guess:
    """Return the name of each index, from a list or made up."""
    if known and known.names and len(known.names) >= len(indices):
        names = list(known.names)
        return Guess(tuple(names), SURE, f'from {known.source}')
    shown = [stored[i] if stored else i + is_reduced for i in indices]
    names = [f'class_{value}' for value in shown]
    if len(names) == 2 and shown[0] == 0:
        names = ['background', 'object']
    reason = 'names are made up; write your own, in this order'
    if known:
        reason = (
            f'{known.source} has {len(known.names)} names, too few; {reason}'
        )
    return Guess(tuple(names), A_GUESS, reason)


def _by_colour(
    kind: str, probe: LabelProbe, known: ClassList | None
) -> LabelGuess:
    """Give each colour of the files, or of the list, a class."""
    stored = sorted(probe.pixels)
    if known and known.colours:
        table = dict(zip(known.colours, known.names))
        strange = [colour for colour in stored if colour not in table]
        names = tuple(table.values())
        mapped = {colour: i for i, colour in enumerate(table)}
        mapped |= dict.fromkeys(strange, VOID)
        reason = f'from {known.source}'
        if strange:
            reason += f', which lacks {len(strange)} colours (ignored)'
        classes = Guess(names, SURE, reason)
        values = Guess(mapped, LIKELY if strange else SURE, reason)
    else:
        mapped = {colour: i for i, colour in enumerate(stored)}
        reason = f'{len(stored)} colours in {probe.files} files, 0xRRGGBB'
        values = Guess(mapped, LIKELY, reason)
        classes = _classes(known, list(range(len(stored))), False)
    colours = [_rgb(c) for c, i in mapped.items() if i != VOID]
    is_plain = stored in ([0, 0xFFFFFF], [0xFFFFFF])
    void = Guess('nothing', A_GUESS, 'give a colour 255 to ignore it')
    return LabelGuess(
        kind,
        classes,
        None if is_plain else colours,
        {'values': values},
        None,
        void,
    )


def _rgb(colour: int) -> tuple[int, int, int]:
    return colour >> 16, colour >> 8 & 255, colour & 255


@dataclass(frozen=True)
class ClassList:
    """Names of classes from a file.

    Args:
        names: in the order of their indices.
        first: the number of the first, None where the file has no numbers.
        colours: ``0xRRGGBB`` of each, empty where the file has none.
        source: the file.
    """

    names: tuple[str, ...]
    first: int | None
    colours: tuple[int, ...]
    source: str


def read_classes(path: Path) -> ClassList | None:
    """Return the classes that a text or CSV file lists, or None.

    A line is ``person``, ``3 person`` or ``person,192,128,128`` (a colour);
    a header line of a table is left out.
    """
    try:
        lines = [line.strip() for line in read_text(path).splitlines()]
    except (OSError, ValueError):
        return None
    lines = [line for line in lines if line and not line.startswith('#')]
    for parse in (_with_colours, _with_numbers, _plain_names):
        found = parse(lines)
        if found is not None:
            return ClassList(*found, source=path.name)
    return None


def _with_colours(lines: Sequence[str]):
    rows = list(csv.reader(io.StringIO('\n'.join(lines).replace(':', ','))))
    found = []
    for row in rows:
        cells = [cell.strip() for cell in row if cell.strip()]
        numbers = [int(cell) for cell in cells if cell.isdecimal()]
        words = [cell for cell in cells if not cell.isdecimal()]
        if len(words) == 1 and len(numbers) in (3, 4):
            red, green, blue = numbers[-3:]
            if max(red, green, blue) <= 255:
                found.append((words[0], red << 16 | green << 8 | blue))
    if len(found) < max(2, len(rows) - 1):
        return None
    names, colours = zip(*found)
    return (names, None, colours) if _are_names(names) else None


def _with_numbers(lines: Sequence[str]):
    matches = [NUMBERED.match(line) for line in lines]
    if not matches or not all(matches):
        return None
    numbers = [int(match[1]) for match in matches]
    names = tuple(match[2].strip() for match in matches)
    is_counted = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    if not is_counted or numbers[0] > 1 or not _are_names(names):
        return None
    return names, numbers[0], ()


def _plain_names(lines: Sequence[str]):
    return (tuple(lines), None, ()) if _are_names(lines) else None


def _are_names(names: Iterable[str]) -> bool:
    names = list(names)
    fit = all(map(NAME.match, names)) and not all(n.isdecimal() for n in names)
    return fit and 2 <= len(set(names)) == len(names) <= VOID


def find_classes(root: Path, kind: str, probe: LabelProbe) -> ClassList | None:
    """Return the list beside the data that fits its labels best, or None."""
    files = [
        path
        for path in sorted(root.iterdir())
        if path.suffix.lower() in ('.txt', '.csv', '.names')
        and re.search('class|label|names', path.stem.lower())
    ]
    lists = [found for path in files if (found := read_classes(path))]
    counts = _plausible_counts(probe)
    fitting = [one for one in lists if len(one.names) in counts]
    if probe.is_colour:
        stored = set(probe.pixels)
        fitting = [one for one in lists if len(stored & {*one.colours}) > 1]
    digits = ''.join(filter(str.isdecimal, kind))
    fitting.sort(key=lambda one: digits not in one.source)
    return fitting[0] if fitting else None


def _plausible_counts(probe: LabelProbe) -> set[int]:
    values = [value for value in probe.pixels if value != VOID]
    if not values:
        return set()
    return {max(values), max(values) + 1, len(values)}

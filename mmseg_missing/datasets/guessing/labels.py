"""Which classes label files hold, and how a config reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mmseg_missing.values import VOID

from ..transforms.loading import packed_colours
from ..transforms.reading import read_array, traits_of
from .class_lists import ClassList
from .guess import A_GUESS, LIKELY, SURE, Guess, Unclear

# More values in labels are no classes but objects, depths or photographs.
MOST_CLASSES = 150
MOST_COLOURS = 64
THREADS = 4
# Classes cover areas; grey values, however few, change from pixel to pixel.
FLAT = 0.7
# A larger share of files that are no labels says that none are.
MOST_BROKEN = 0.1


@dataclass
class LabelProbe:
    """What label files hold.

    Args:
        files: how many were read.
        pixels: per stored value; of colours ``0xRRGGBB``.
        is_colour: they have three channels.
        is_palette: they store indices into a palette.
        is_lossy: at least one is in a format that changes values.
        flatness: share of pixels that equal the one beside them, per file.
        problems: a sentence for each file that is no label.
    """

    files: int = 0
    pixels: Counter[int] = field(default_factory=Counter)
    is_colour: bool = False
    is_palette: bool = False
    is_lossy: bool = False
    flatness: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def looks_like_labels(self) -> bool:
        """Whether the values could be classes."""
        most = MOST_COLOURS if self.is_colour else MOST_CLASSES
        is_few = 1 < len(self.pixels) <= most
        is_flat = is_few and np.mean(self.flatness) > FLAT
        return bool(is_flat) and not (self.is_lossy or self.problems)


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
            traits, shape, flatness, values, counts = one
            found.files += 1
            found.flatness.append(flatness)
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
    flatness = float((array[:, 1:] == array[:, :-1]).mean())
    return traits, shape, flatness, values.tolist(), counts.tolist()


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
    is_broken = len(probe.problems) > MOST_BROKEN * probe.files
    if is_broken or not 1 < len(probe.pixels) <= most:
        first = f'; {probe.problems[0]}' if probe.problems else ''
        raise Unclear(
            f'labels {kind!r} hold {len(probe.pixels)} {what}{first}; it '
            f'takes 2 to {most}, one for each class and 255 to ignore a '
            'pixel; write them so, or name other files by --labels'
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

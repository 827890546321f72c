"""Names of classes, from lists that lie beside the data."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmseg_missing.values import VOID

from ..manifest import read_text

NUMBERED = re.compile(r'^\s*(\d+)\s*[:;,.)=\t ]\s*(.+)$')
NAME = re.compile(r"^\w[\w \-/().&'+]{0,40}$")


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


def find_classes(
    root: Path, kind: str, stored: Collection[int], is_colour: bool
) -> ClassList | None:
    """Return the list beside the data that fits its labels best, or None.

    Args:
        root: of the data.
        kind: of the label files; ``classes13.txt`` fits ``label13``.
        stored: values of the files.
        is_colour: they are ``0xRRGGBB``.
    """
    files = [
        path
        for path in sorted(root.iterdir())
        if path.suffix.lower() in ('.txt', '.csv', '.names')
        and re.search('class|label|names', path.stem.lower())
    ]
    lists = [found for path in files if (found := read_classes(path))]
    if is_colour:
        fitting = [one for one in lists if len({*stored} & {*one.colours}) > 1]
    else:
        indices = [value for value in stored if value != VOID] or [0]
        counts = {max(indices), max(indices) + 1, len(indices)}
        fitting = [one for one in lists if len(one.names) in counts]
    digits = ''.join(filter(str.isdecimal, kind))
    fitting.sort(key=lambda one: digits not in one.source)
    return fitting[0] if fitting else None

"""Which samples are for training, for choosing and for the test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from ..manifest import read_text
from ..splits import carve
from .guess import A_GUESS, LIKELY, SURE, Guess
from .words import SPLITS, split_of, words

# Every fifth sample is for the test, and of the rest every tenth for choosing.
EVERY_TEST, EVERY_VAL = 5, 10
# Scenes are held out as a whole where there are so many.
LEAST_SCENES = 5
LEAST_SAMPLES = 3
# What a list may be called beside its split.
LIST_WORDS = ('', 'list', 'files', 'names', 'ids', 'set', 'split')
# A list must name so much of itself.
LEAST_KNOWN = 0.5


def guess_splits(
    names: Sequence[str],
    by_folder: Mapping[str, str],
    lists: Mapping[str, Sequence[str]] | None = None,
) -> tuple[dict[str, str], Guess]:
    """Return the split of each sample, and where it comes from.

    Args:
        names: of the samples, sorted.
        by_folder: what folders say.
        lists: samples that a list file names, by split; they go first.
            Samples in none of them are left out.
    """
    if lists:
        known = {n: split for split, some in lists.items() for n in some}
        found = {name: known[name] for name in names if name in known}
        origin = Guess(None, SURE, f'lists of {", ".join(lists)}')
    elif by_folder:
        found = {name: by_folder.get(name, 'train') for name in names}
        origin = Guess(None, SURE, 'folders say it')
    else:
        found = dict.fromkeys(names, 'train')
        origin = Guess(None, A_GUESS, 'no folder or list names the splits')
    return _completed(found, origin)


def _completed(
    found: dict[str, str], origin: Guess
) -> tuple[dict[str, str], Guess]:
    """Carve what is not there out of the training samples."""
    told = sorted(set(found.values()), key=list(SPLITS).index)
    notes = []
    scenes = {_scene(name) for name in found}
    by_scene = LEAST_SCENES <= len(scenes) < len(found)
    if 'train' not in told:
        found = dict.fromkeys(found, 'train')
        told, notes = [], [f'nothing is for training but all {told[0]}']
    if not {'val', 'test'} & set(told):
        rule = _carve(found, 'test', EVERY_TEST, by_scene)
        notes.append(f'test: {rule}')
    if 'val' not in found.values():
        rule = _carve(found, 'val', EVERY_VAL, by_scene)
        notes.append(f'val: {rule} of the training list')
    if 'test' not in found.values():
        notes.append('test: the samples of val, none are called so')
    reason = '; '.join([origin.reason, *notes])
    confidence = origin.confidence
    if notes:
        confidence = LIKELY if confidence == SURE else A_GUESS
    return found, Guess(found, confidence, reason)


def _carve(
    found: dict[str, str], split: str, every: int, by_scene: bool
) -> str:
    """Move a part of the training samples into ``split``; say which."""
    train = [name for name, part in found.items() if part == 'train']
    if by_scene:
        scenes = list(dict.fromkeys(map(_scene, train)))
        chosen = set(_every(scenes, every))
        moved = [name for name in train if _scene(name) in chosen]
    else:
        moved = _every(train, every)
    found.update(dict.fromkeys(moved, split))
    return f'every {every}th {"folder" if by_scene else "sample"}'


def _every(names: Sequence[str], every: int) -> list[str]:
    """Return every so many-th, of few the last one."""
    return carve(names, 'val', every) or list(names[-1:])


def _scene(name: str) -> str:
    return str(PurePosixPath(name).parent)


def find_lists(
    root: Path, files: Iterable[Path], names: Sequence[str]
) -> dict[str, list[str]]:
    """Return the samples that lists such as ``train.txt`` name.

    A line may hold several paths, of which the first that is known counts.

    Args:
        root: of the data.
        files: text files below it.
        names: of the samples.
    """
    by_stem = {_plain(name): name for name in names}
    lists: dict[str, list[str]] = {}
    for file in sorted(files, key=lambda f: (len(f.parts), f.name)):
        split, rest = split_of(file.stem)
        if split is None or split in lists or rest.lower() not in LIST_WORDS:
            continue
        found = _named(file, by_stem)
        if found:
            lists[split] = found
    return lists if 'train' in lists else {}


def _named(file: Path, by_stem: Mapping[str, str]) -> list[str]:
    try:
        lines = [line.split() for line in read_text(file).splitlines()]
    except (OSError, ValueError):
        return []
    lines = [cells for cells in lines if cells]
    found = [
        next(
            (
                by_stem[k]
                for cell in cells
                for k in _keys(cell)
                if k in by_stem
            ),
            None,
        )
        for cells in lines
    ]
    known = list(dict.fromkeys(filter(None, found)))
    return known if len(known) > LEAST_KNOWN * len(lines) else []


def _keys(cell: str) -> tuple[str, ...]:
    """Return what a cell of a list could name: a path, or its last part."""
    path = PurePosixPath(cell)
    plain = str(path.with_suffix('')) if path.suffix else str(path)
    return _plain(plain), _plain(path.stem), _plain(path.name)


def _plain(name: str) -> str:
    return '_'.join(words(name))

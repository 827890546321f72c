"""Which files of a folder belong to one sample, and which to one modality.

Nothing is opened here: a file's path says its kind (a modality, or the
label), its sample and perhaps its split. Several rules are tried; the one
under which most files meet others of their sample wins.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from .guess import A_GUESS, LIKELY, SURE, Guess, Unclear
from .words import SEPARATORS, kind_of, split_of, words

# More kinds than any rig has sensors: they are samples in truth.
MOST_KINDS = 24
# A kind that lacks more of the samples is something else, such as a preview.
LEAST_SHARE = 0.02


@dataclass(frozen=True)
class Layout:
    """Files by kind and sample.

    Args:
        kinds: path per sample, by the kind's own name (a folder or a word).
        splits: of the samples whose folders say it.
        rule: how the files were told apart.
        left_out: files that belong to no sample.
    """

    kinds: Mapping[str, Mapping[str, str]]
    splits: Mapping[str, str]
    rule: Guess
    left_out: list[str] = field(default_factory=list)


class _File(NamedTuple):
    path: str
    split: str | None
    folders: tuple[str, ...]
    stem: str


# From a file to its kind and the rest of its path; None: no such part.
Rule = Callable[[_File], 'tuple[str, tuple[str, ...], str] | None']


def guess_layout(paths: Iterable[str]) -> Layout:
    """Sort files into kinds and samples by their paths alone.

    Args:
        paths: relative, with slashes; only files that may hold pixels.

    Raises:
        Unclear: no rule lets files meet.
    """
    files = [_parsed(path) for path in sorted(paths)]
    depth = max((len(file.folders) for file in files), default=0)
    tried = [
        (*_try(files, rule), name) for name, rule in _rules(depth).items()
    ]
    score, kinds, name = max(tried, key=_first)
    if score <= 0:
        example = f", such as '{files[0].path}'" if files else ''
        raise Unclear(
            f'{len(files)} files{example} do not meet: a sample must have '
            'one name in all folders (rgb/0001.png, depth/0001.png, '
            'labels/0001.png); rename them, or list them in a table with a '
            'column per modality, `label` and `split`, and give that file'
        )
    kept = {file.path for some in kinds.values() for file in some.values()}
    return Layout(
        {k: {n: f.path for n, f in some.items()} for k, some in kinds.items()},
        {
            n: f.split
            for some in kinds.values()
            for n, f in some.items()
            if f.split
        },
        _rule_guess(name, score),
        [file.path for file in files if file.path not in kept],
    )


def _rule_guess(name: str, score: float) -> Guess:
    confidence = SURE if score > 1.35 else LIKELY if score > 1 else A_GUESS
    return Guess(name, confidence, f'files of a sample differ by {name}')


def _parsed(path: str) -> _File:
    pure = PurePosixPath(path)
    split, folders = None, []
    for folder in pure.parts[:-1]:
        said, rest = split_of(folder) if split is None else (None, folder)
        split = split or said
        if rest:
            folders.append(rest)
    return _File(path, split, tuple(folders), pure.stem)


def _rules(depth: int) -> dict[str, Rule]:
    rules: dict[str, Rule] = {
        f'folder {level + 1} of their path': _by_level(level)
        for level in range(depth)
    }
    rules['their whole folder'] = _by_folder
    rules['the last word of their name'] = _by_word(-1)
    rules['the first word of their name'] = _by_word(0)
    rules['folder and last word'] = _by_folder_and_word
    rules['suffix'] = _by_suffix
    return rules


def _by_level(level: int) -> Rule:
    def rule(file: _File):
        if level >= len(file.folders):
            return None
        others = file.folders[:level] + file.folders[level + 1 :]
        return file.folders[level], others, file.stem

    return rule


def _by_folder(file: _File):
    return ('/'.join(file.folders), (), file.stem) if file.folders else None


def _by_word(place: int) -> Rule:
    def rule(file: _File):
        found = _parts(file.stem)
        if len(found) < 2 or found[place].isdecimal():
            return None
        word = found.pop(place)
        return word, file.folders, '_'.join(found)

    return rule


def _by_folder_and_word(file: _File):
    found = _parts(file.stem)
    if len(found) < 2 or found[-1].isdecimal() or not file.folders:
        return None
    top = file.folders[0]
    return f'{top}/{found[-1]}', file.folders[1:], '_'.join(found[:-1])


def _parts(stem: str) -> list[str]:
    return [part for part in SEPARATORS.split(stem) if part]


def _by_suffix(file: _File):
    suffix = PurePosixPath(file.path).suffix.lower()
    return suffix, file.folders, file.stem


def _as_it_is(stems: Iterable[str]) -> Callable[[str], str]:
    return lambda stem: stem


def _without_fixed_words(stems: Iterable[str]) -> Callable[[str], str]:
    """Leave out words that all names of a kind have, numbers excepted."""
    found = [set(words(stem)) for stem in stems]
    fixed = {w for w in set.intersection(*found) if not w.isdecimal()}
    return lambda stem: '_'.join(w for w in words(stem) if w not in fixed)


def _try(
    files: list[_File], rule: Rule
) -> tuple[float, dict[str, dict[str, _File]]]:
    """Return how well a rule does, and the kinds that it makes."""
    by_kind = defaultdict(list)
    for file in files:
        if found := rule(file):
            kind, folders, stem = found
            folders = (*filter(None, [file.split]), *folders)
            by_kind[kind].append((file, folders, stem))
    best: tuple[float, dict] = 0.0, {}
    if not 2 <= len(by_kind) <= MOST_KINDS:
        return best
    for plain in (_as_it_is, _without_fixed_words):
        kinds: dict[str, dict[str, _File]] = {}
        for kind, entries in by_kind.items():
            strip = plain([stem for _, _, stem in entries])
            named = [
                ('/'.join((*folders, strip(stem))), file)
                for file, folders, stem in entries
            ]
            kinds |= _told_apart(kind, named)
        kinds = _that_meet(kinds)
        best = max(best, (_score(kinds, len(files)), kinds), key=_first)
        samples = set(map(frozenset, kinds.values()))
        if len(samples) == 1 and len(kinds) == len(by_kind):
            break
    return best


def _first(pair: tuple) -> float:
    return pair[0]


def _told_apart(
    kind: str, named: list[tuple[str, _File]]
) -> dict[str, dict[str, _File]]:
    """Return one kind, or one per suffix where names come twice."""
    if len({name for name, _ in named}) == len(named):
        return {kind: dict(named)}
    kinds: dict[str, dict[str, _File]] = {}
    for name, file in named:
        suffix = PurePosixPath(file.path).suffix.lower()
        some = kinds.setdefault(f'{kind}/*{suffix}', {})
        some.setdefault(name, file)
    return kinds


def _that_meet(kinds: Mapping[str, dict]) -> dict[str, dict[str, _File]]:
    """Leave out kinds that hardly share a name with others."""
    counts = Counter(name for some in kinds.values() for name in some)
    samples = sum(count > 1 for count in counts.values())
    return {
        kind: some
        for kind, some in kinds.items()
        if (met := sum(counts[name] > 1 for name in some))
        and met >= LEAST_SHARE * samples
    }


def _score(kinds: Mapping[str, dict], total: int) -> float:
    """Return how many files of its sample a file meets, and what else counts.

    1 where each meets one of every other kind. Kinds that are called by a
    known word count half as much, and among rules that do equally well
    fewer kinds are better.
    """
    if len(kinds) < 2 or all(kind.isdecimal() for kind in kinds):
        return 0.0
    counts = Counter(name for some in kinds.values() for name in some)
    met = sum(count * (count - 1) for count in counts.values())
    known = sum(kind_of(kind) is not None for kind in kinds) / len(kinds)
    return met / (total * (len(kinds) - 1)) + known / 2 - len(kinds) / 100

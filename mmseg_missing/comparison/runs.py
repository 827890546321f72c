"""Finished runs of a method: their scores and costs, as found on disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..evaluation.cost import COST_FILE, Cost
from ..evaluation.report import REPORT_FILE, Report

# What these two are called wherever methods are.
BASE, DEDICATED = 'base', 'dedicated'
SEED = re.compile(r'(?P<name>.+)[-_]seed(?P<seed>\d+)')


@dataclass(frozen=True)
class Part:
    """One network that was scored.

    Args:
        folder: Where its report lies.
        report: Scores of that network.
        cost: What its training cost; None: not known.
        combination: The one that it was trained for; None: several, or not
            known.
    """

    folder: str
    report: Report
    cost: Cost | None
    combination: str | None


@dataclass(frozen=True)
class Run:
    """One seed of one method.

    Args:
        name: Name of the method.
        seed: From the folder's name; None: not stated there.
        parts: Networks of this run.
        is_split: Each part was trained for one combination, and its score
            on that one counts.
    """

    name: str
    seed: int | None
    parts: tuple[Part, ...]
    is_split: bool = False

    @property
    def miou(self) -> dict[str, float]:
        """MIoU of every scored combination."""
        if not self.is_split:
            return self.parts[0].report.miou
        pairs = [(part.combination, part.report.miou) for part in self.parts]
        return {name: miou[name] for name, miou in pairs}

    @property
    def added(self) -> int | None:
        """Numbers that the base gains for one combination, at most."""
        added = self._costs(self._added)
        return added and max(added)

    @property
    def stored(self) -> int | None:
        """Numbers that the base gains for all combinations."""
        if self.is_split:
            added = self._costs(self._added)
        else:
            added = self._costs(lambda cost: cost.stored_parameters)
        return added and sum(added)

    @property
    def seconds(self) -> float | None:
        """Seconds of all training steps."""
        seconds = self._costs(lambda cost: cost.seconds)
        return seconds and sum(seconds)

    @property
    def memory_mib(self) -> float | None:
        """Peak memory of the part that needed most."""
        peaks = self._costs(lambda cost: cost.memory_mib)
        return peaks and max(peaks)

    def _costs(self, read: Callable[[Cost], Any]) -> list | None:
        """Read one number of every part; None where one is not known."""
        if any(part.cost is None for part in self.parts):
            return None
        return [read(part.cost) for part in self.parts]

    def _added(self, cost: Cost) -> int:
        """Adapters add a row; a network of its own adds all it has."""
        if cost.added_parameters or not self.is_split:
            return cost.added_parameters
        return cost.total_parameters


def split_seed(name: str) -> tuple[str, int | None]:
    """Return method and seed of a folder called ``<method>-seed<k>``."""
    found = SEED.fullmatch(name)
    return (found['name'], int(found['seed'])) if found else (name, None)


def find_runs(
    folders: Sequence[str | Path], pattern: str | None = None
) -> list[Run]:
    """Read finished work folders.

    A report lies in its folder, in its ``test``, or anywhere below if there
    is but one. What was trained for every combination apart is one run: a
    folder with a report below for each, or folders that are called
    ``<method>_<combination>-seed<k>``.

    Args:
        folders: Each with a report in or below it.
        pattern: Regular expression; its first group, or all that it finds in
            the folder's name, is what the method is called.

    Returns:
        One run per method and seed.

    Raises:
        FileNotFoundError: no such folder, or no report.
        ValueError: several reports of several combinations in a folder, one
            combination twice, or a pattern that finds nothing.

    >>> from tempfile import TemporaryDirectory
    >>> from mmseg_missing.evaluation import CombinationScores, write_report
    >>> miou = dict(mmseg=50.0, cmnext=50.0)
    >>> scores = CombinationScores(
    ...     'rgb', 9, miou, miou, 70.0, (40.0, 60.0)
    ... )
    >>> classes = ('wall', 'floor')
    >>> report = Report(
    ...     ('rgb', 'depth'), classes, 'mmseg', 'zero', 'test', (), (scores,)
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     write_report(report, f'{folder}/ssf-seed0')
    ...     [run] = find_runs([f'{folder}/ssf-seed0'])
    >>> run.name, run.seed
    ('ssf', 0)
    """
    runs: list[Run] = []
    split: dict[tuple[str, int | None], list[Part]] = {}
    for folder in map(Path, folders):
        name, seed = split_seed(_name(folder))
        parts = find_parts(folder)
        only = next(iter(parts.values())).combination
        if len(parts) == 1 and not name.endswith((f'_{only}', f'-{only}')):
            runs += [Run(_short(name, pattern), seed, tuple(parts.values()))]
            continue
        _check_single(folder, parts)
        if len(parts) == 1:
            name = name[: -len(f'_{only}')]
        for path, part in parts.items():
            key = _short(name, pattern), _seed_of(path, folder, seed)
            split.setdefault(key, []).append(part)
    return runs + [_join(*key, parts) for key, parts in split.items()]


def find_base(folder: str | Path) -> Run:
    """Read the report of the pretrained network.

    Raises:
        FileNotFoundError: no such folder, or no report.
        ValueError: the folder holds several.
    """
    runs = find_runs([folder])
    if len(runs) > 1 or runs[0].is_split:
        raise ValueError(
            f'{str(folder)!r} holds several reports; give the folder of the '
            'one that scores the base on every combination'
        )
    return replace(runs[0], name=BASE)


def find_dedicated(folders: Sequence[str | Path]) -> list[Run]:
    """Read networks that were trained for one combination each.

    Args:
        folders: Each of one such network, or with many below.

    Returns:
        One run per seed.

    Raises:
        FileNotFoundError: no such folder, or no report.
        ValueError: the report of another network, or one combination twice.
    """
    found: dict[int | None, list[Part]] = {}
    for folder in map(Path, folders):
        seed = split_seed(_name(folder))[1]
        for path, part in find_parts(folder).items():
            own = found.setdefault(_seed_of(path, folder, seed), [])
            own.append(_dedicated(part))
    return [_join(DEDICATED, s, parts) for s, parts in found.items()]


def find_parts(folder: Path) -> dict[Path, Part]:
    """Return what was scored in or below a folder, by its folder.

    Raises:
        FileNotFoundError: no such folder, or no report.
        ValueError: a file that cannot be read.
    """
    return {path.parent: _part(path, folder) for path in _reports(folder)}


def _dedicated(part: Part) -> Part:
    """Return a network that was trained for all that it knows."""
    full = '+'.join(part.report.modalities)
    if full not in part.report.miou:
        raise ValueError(
            f'{part.folder!r} has no mIoU of {full or "all it knows"}, for '
            'which a dedicated network is trained; score it on that '
            '(mmseg-missing test --present full)'
        )
    return replace(part, combination=full)


def _check_single(folder: Path, parts: Mapping[Path, Part]) -> None:
    for path, part in parts.items():
        if part.combination is None:
            raise ValueError(
                f'{str(folder)!r} holds {len(parts)} reports, and that of '
                f"'{path}' is not of a network for one combination; give the "
                'folder of the report that counts'
            )


def _join(name: str, seed: int | None, parts: Sequence[Part]) -> Run:
    """Return what was trained for every combination apart."""
    seen: dict[str | None, Part] = {}
    for part in parts:
        other = seen.setdefault(part.combination, part)
        if other is not part:
            raise ValueError(
                f'{other.folder!r} and {part.folder!r} are both for '
                f'{part.combination}; give one of them, or let the names of '
                'seeds end in -seed<number>'
            )
    return Run(name, seed, tuple(parts), is_split=True)


def _seed_of(path: Path, folder: Path, seed: int | None) -> int | None:
    """Return the seed that the innermost name states, else ``seed``."""
    inner = [split_seed(n)[1] for n in path.relative_to(folder).parts]
    return next((s for s in reversed(inner) if s is not None), seed)


def _name(folder: Path) -> str:
    """Return what a run is called: the name of its work folder."""
    own = folder.resolve()
    return (own.parent if own.name == 'test' else own).name


def _reports(folder: Path) -> list[Path]:
    """Return the files that count."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f'no work folder {str(folder)!r}; train the network first '
            '(mmseg-missing train)'
        )
    for path in (folder / REPORT_FILE, folder / 'test' / REPORT_FILE):
        if path.is_file():
            return [path]
    found = sorted(folder.rglob(REPORT_FILE))
    if not found:
        raise FileNotFoundError(
            f'no {REPORT_FILE} in or below {str(folder)!r}; '
            f'`mmseg-missing test CONFIG CHECKPOINT --out {folder / "test"}` '
            'writes it'
        )
    return found


def _part(path: Path, folder: Path) -> Part:
    places = (path.parent, path.parent.parent, folder)
    files = [p / COST_FILE for p in places if (p / COST_FILE).is_file()]
    try:
        report = Report.from_json(path.read_text(encoding='utf-8'))
        cost = (
            Cost.from_json(files[0].read_text(encoding='utf-8'))
            if files
            else None
        )
    except ValueError as error:
        raise ValueError(f"'{path.parent}': {error}") from error
    return Part(str(path.parent), report, cost, _combination(report, cost))


def _combination(report: Report, cost: Cost | None) -> str | None:
    """Return the one combination that was scored, or seen in training."""
    for names in (report.miou, cost.samples_seen if cost else ()):
        if len(names) == 1 and set(names) <= set(report.miou):
            return next(iter(names))
    return None


def _short(name: str, pattern: str | None) -> str:
    if pattern is None:
        return name
    try:
        found = re.search(pattern, name)
    except re.error as error:
        raise ValueError(
            f'the pattern {pattern!r} is no regular expression ({error}); '
            'check --name-pattern'
        ) from error
    if not found:
        raise ValueError(
            f'the pattern {pattern!r} finds nothing in {name!r}; check '
            '--name-pattern'
        )
    return found[1] if found.re.groups else found[0]

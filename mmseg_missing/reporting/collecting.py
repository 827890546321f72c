"""What lies in work folders: all that a page shows, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..comparison import Comparison, compare, find_dedicated
from ..comparison.runs import (
    BASE,
    DEDICATED,
    Part,
    Run,
    find_parts,
    split_seed,
)
from ..evaluation import COST_FILE, Cost, Report
from ..evaluation.report import REPORT_FILE
from ..evaluation.scores import check_text
from ..evaluation.setting import Setting
from ..values import expecting, flag, real
from .pictures import Gallery
from .training import LOSS, SCORE, STEPS, Curves, axis_of, curves_of

ANALYSIS_FILE = 'analysis.json'
# Folders of a repair.
BEFORE, AFTER, TRAIN = 'before', 'after', 'train'
# Points of mIoU by which one network may differ on two machines.
SAME = 0.1
# Folders that say what was done in them, not what they are of.
STAGES = (AFTER, 'test', 'report')


@dataclass(frozen=True)
class Scored:
    """One network that was scored, and what is known of it.

    Args:
        name: What it is called.
        home: Work folder of all that belongs to it.
        part: Its report and the cost of its training.
        before: Report of the same network without adapters; None: not known.
        settings: How it was made, by what was done.
        losses: Losses of the training, by combination.
        scores: MIoU at each validation, by combination.
        axis: What the validations are counted in.
        gallery: Pictures; None: none were drawn.
    """

    name: str
    home: Path
    part: Part
    before: Report | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)
    losses: Curves = field(default_factory=dict)
    scores: Curves = field(default_factory=dict)
    axis: str = STEPS
    gallery: Gallery | None = None

    @property
    def report(self) -> Report:
        """Its scores."""
        return self.part.report

    @property
    def folder(self) -> Path:
        """Where its report lies."""
        return Path(self.part.folder)

    @property
    def base(self) -> Mapping[str, float]:
        """MIoU without adapters by combination; empty: not known."""
        return self.before.miou if self.before else self.report.base


@dataclass(frozen=True)
class Found:
    """All that a page shows.

    Args:
        folders: That were looked into.
        runs: Networks that know every modality, but for the base of others.
        comparison: All of them side by side; None: nothing was scored.
        analyses: What ``analyze`` wrote, by its folder.
    """

    folders: tuple[Path, ...]
    runs: tuple[Scored, ...]
    comparison: Comparison | None
    analyses: Mapping[str, Mapping[str, Any]]

    @property
    def dedicated(self) -> Mapping[str, float]:
        """MIoU of networks trained for one combination each."""
        row = self.comparison and self.comparison.dedicated
        if not row:
            return {}
        # With every sensor the base is its own dedicated network.
        names = [n for n in self.comparison.missing if n in row.miou]
        return {name: row.miou[name].mean for name in names}


def collect(folders: Sequence[str | Path]) -> Found:
    """Look into work folders.

    A folder holds a repair (``before`` and ``after``), a network with the
    report of a test in or below it, many of these (as the demo writes
    them), or what ``analyze`` wrote. Networks for fewer modalities than
    others have are dedicated ones; one that adds nothing, beside others that
    do, is the base of these.

    Args:
        folders: At least one.

    Raises:
        FileNotFoundError: a folder that is not there, or is no run.
        ValueError: a file that is something else than its name says, or runs
            that cannot stand on one page.
    """
    paths = list(dict.fromkeys(map(Path, folders)))
    analyses = {}
    parts: dict[Path, Part] = {}
    for folder in paths:
        own = _analyses(folder)
        analyses.update(own)
        if own and not any(folder.rglob(REPORT_FILE)):
            continue
        parts.update(_parts(folder))
    if not parts:
        return Found(tuple(paths), (), None, analyses)
    widest = max((p.report.modalities for p in parts.values()), key=len)
    is_dedicated = {
        path: set(part.report.modalities) < set(widest)
        for path, part in parts.items()
    }
    alone = [path for path in parts if is_dedicated[path]]
    whole = {p: part for p, part in parts.items() if not is_dedicated[p]}
    runs, base = _split_base(_named(_scored(whole)))
    comparison = compare(
        [_run(run.name, run.part) for run in runs],
        base and _run(BASE, base),
        find_dedicated(alone) if alone else (),
    )
    return Found(tuple(paths), tuple(runs), comparison, analyses)


def _parts(folder: Path) -> dict[Path, Part]:
    """Return what was scored in or below a folder."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f'no work folder {str(folder)!r}; give one that `mmseg-missing '
            'repair`, `test --out` or `demo` wrote'
        )
    try:
        return find_parts(folder)
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{str(folder)!r} is no run: there is no {REPORT_FILE} in or '
            f'below it; `mmseg-missing test CONFIG CHECKPOINT --out '
            f'{folder / "test"}` writes one'
        ) from None


def _scored(parts: Mapping[Path, Part]) -> list[Scored]:
    """Return the networks; what was scored before is a part of a repair."""
    return [
        _repaired(path, part, parts[path.parent / BEFORE].report)
        if path.name == AFTER and path.parent / BEFORE in parts
        else _plain(path, part)
        for path, part in parts.items()
        if not (path.name == BEFORE and path.parent / AFTER in parts)
    ]


def _repaired(path: Path, part: Part, before: Report) -> Scored:
    """Return a network whose repair lies in the parent of ``path``."""
    home, train = path.parent, path.parent / TRAIN
    return Scored(
        name=home.resolve().name,
        home=home,
        part=replace(part, cost=_cost(train)),
        before=before,
        settings=_settings({'repair': home, 'test': path}),
        **_recorded(train, part.report),
        gallery=Gallery.read(path),
    )


def _plain(path: Path, part: Part) -> Scored:
    """Return a network that was tested into ``path``."""
    own = path.resolve()
    home = path.parent if own.name in STAGES else path
    known = {'test': path} if home == path else {'train': home, 'test': path}
    return Scored(
        name=home.resolve().name,
        home=home,
        part=part,
        settings=_settings(known),
        **_recorded(home, part.report),
        gallery=Gallery.read(path),
    )


def _recorded(folder: Path, report: Report) -> dict[str, Any]:
    names = report.stack.subsets() if report.modalities else report.miou
    return {
        'losses': curves_of(folder, LOSS, names),
        'scores': curves_of(folder, SCORE, names),
        'axis': axis_of(folder),
    }


def _settings(folders: Mapping[str, Path]) -> dict[str, Setting]:
    found = {what: Setting.read(path) for what, path in folders.items()}
    return {what: one for what, one in found.items() if one is not None}


def _cost(folder: Path) -> Cost | None:
    path = folder / COST_FILE
    if not path.is_file():
        return None
    try:
        return Cost.from_json(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{str(folder)!r}: {error}') from error


def _analyses(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return what ``analyze`` wrote into or below a folder."""
    found = {}
    for path in sorted(folder.rglob(ANALYSIS_FILE)):
        with expecting(
            f'an {ANALYSIS_FILE} in {str(path.parent)!r}',
            'write it again with mmseg-missing analyze',
        ):
            fields = json.loads(path.read_text(encoding='utf-8'))
            _check_analysis(fields)
        found[str(path.parent)] = fields
    return found


def _check_analysis(fields: Mapping[str, Any]) -> None:
    """Read once what is drawn, so that a mistake is found here."""
    names = set()
    for network, scores in fields['importance'].items():
        for key in ('mIoU', '-NLL'):
            for part in ('shapley', 'interactions'):
                names.add((part, *scores[key][part]))
                for name, value in scores[key][part].items():
                    real(f'{key} of {name} of {network}', value)
    if len(names) != 2:
        raise ValueError('an analysis is of the same sensors throughout')
    if not fields['sites']:
        raise ValueError('an analysis has sites')
    for row in fields['sites']:
        check_text(row['name'])
        real(f'the score of {row["name"]}', row['score'])
        flag(f'chosen of {row["name"]}', row['chosen'])
    dict(fields['setting'])


def _named(runs: Sequence[Scored]) -> list[Scored]:
    """Return runs whose names differ, by their folders if they must."""
    names = [run.name for run in runs]
    taken = (BASE, DEDICATED)
    return [
        replace(run, name=str(run.home))
        if names.count(run.name) > 1 or run.name in taken
        else run
        for run in runs
    ]


def _split_base(runs: Sequence[Scored]) -> tuple[list[Scored], Part | None]:
    """Return the runs, and what they are measured against, if it is one.

    That is a run that adds nothing, beside others that do, or what repairs
    scored before they began. Repairs of different networks have none.
    """
    plain = [
        run
        for run in runs
        if not run.base
        and run.part.cost
        and not run.part.cost.added_parameters
    ]
    if len(plain) == 1 and len(runs) > 1:
        [base] = plain
        others = [run for run in runs if run is not base]
        if all(_is_base(base.report, run) for run in others):
            return [
                run if run.base else replace(run, before=base.report)
                for run in others
            ], base.part
    for run in runs:
        if run.before is not None:
            if not all(_is_base(run.before, other) for other in runs):
                break
            return list(runs), Part(str(run.folder), run.before, None, None)
    return list(runs), None


def _is_base(report: Report, run: Scored) -> bool:
    """Say whether a run may have begun with what was scored here."""
    return all(
        abs(value - report.miou[name]) < SAME
        for name, value in run.base.items()
        if name in report.miou
    )


def _run(name: str, part: Part) -> Run:
    """Return a run as comparisons take it; seeds have one name."""
    method, seed = (BASE, None) if name == BASE else split_seed(name)
    return Run(method, seed, (part,))

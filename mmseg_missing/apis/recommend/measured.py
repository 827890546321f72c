"""What adapters cost and give, as measured: ``configs/adapters.yml``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mmengine.fileio import load

from ...startup.config_files import shipped

FILE = 'configs/adapters.yml'


@dataclass(frozen=True)
class Run:
    """Adapters that were trained and scored, beside what they stood on.

    Args:
        group: One base; numbers of different groups are not compared.
        data: Data set, in words.
        images: Number of images of training.
        page: Page on which it stands.
        modalities: How many.
        parameters: Number of parameters of the base.
        base_epochs: For which the base was trained.
        base: Mean mIoU (%) of the base over what misses something.
        dedicated: The same of networks trained for each combination.
        score: The same with these adapters.
        numbers: How many numbers one combination has.
        seconds: Seconds of training.
        epochs: Number of epochs of training.
        seeds: How many runs this is the mean of.
        adapter: Method.
        rows: Row mode.
        sites: ``all``, or how they were chosen.
        start: What was not the default: a start, a teacher, a fill.
    """

    group: str
    data: str
    images: int
    page: str
    modalities: int
    parameters: int
    base_epochs: int
    base: float
    dedicated: float
    score: float
    numbers: int
    seconds: float
    epochs: int
    seeds: int
    adapter: str
    rows: str = 'additive'
    sites: str = 'all'
    start: str = 'identity'

    @property
    def share(self) -> float:
        """Numbers of one combination, as a part of the network."""
        return self.numbers / self.parameters

    @property
    def times(self) -> float:
        """Epochs, in those of the base."""
        return self.epochs / self.base_epochs

    @property
    def recovered(self) -> float:
        """What they recover of what dedicated networks have more."""
        return (self.score - self.base) / (self.dedicated - self.base)

    @property
    def is_default(self) -> bool:
        """Whether nothing but rows and length were chosen."""
        usual = 'ScaleShift', 'all', 'identity'
        return (self.adapter, self.sites, self.start) == usual


def load_runs() -> list[Run]:
    """Return all that was measured."""
    found: dict[str, dict[str, Any]] = load(str(shipped(FILE)))
    return [
        Run(**run, group=name, **{key: group[key] for key in SHARED})
        for name, group in found.items()
        for run in group['runs']
    ]


SHARED = (
    *('data', 'images', 'page', 'modalities', 'parameters', 'base_epochs'),
    *('base', 'dedicated'),
)


def against_default(runs: Sequence[Run]) -> Iterator[tuple[Run, Run]]:
    """Yield each run with the default one of its base, rows and epochs."""
    for run in runs:
        for other in runs:
            same = replace(
                run,
                adapter=other.adapter,
                sites=other.sites,
                start=other.start,
                score=other.score,
                numbers=other.numbers,
                seconds=other.seconds,
                seeds=other.seeds,
            )
            if other.is_default and same == other:
                yield run, other


def kept(run: Run, default: Run) -> float:
    """Return the part of the default's gain that a run has."""
    return (run.score - run.base) / (default.score - run.base)

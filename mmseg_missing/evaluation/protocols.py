"""Protocols: failures that a network is scored under, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.runner import Runner

from ..corruptions import FAULTS, NM_LEVELS, RMM_RATES, SEVERITIES
from .conditions import ConditionTable
from .failures import Failure, Faulty, Noisy, RandomMissing
from .metric import CombinationIoUMetric
from .report import Report

PROTOCOLS = ('EMM', 'RMM', 'RMM-blocks', 'NM', 'faults')


@dataclass(frozen=True)
class Protocol:
    """Failures that a network is scored under, one after the other.

    Args:
        name: Name of its table.
        failures: In order; all of one protocol spoil the same.
    """

    name: str
    failures: tuple[Failure, ...]

    @classmethod
    def parse(
        cls,
        name: str,
        modalities: Sequence[str],
        faults: Sequence[str] = tuple(FAULTS),
        severities: Sequence[int] = SEVERITIES,
    ) -> Protocol:
        """Return the protocol of that name.

        ``NM`` and ``faults`` start with the clean data; ``EMM`` is nothing
        else.

        Args:
            name: One of :data:`PROTOCOLS`.
            modalities: Names; each suffers the faults by itself.
            faults: Faults of the protocol ``faults``.
            severities: Severities of the same.

        Raises:
            ValueError: unknown protocol, fault or severity.
        """
        clean = EMM.failures
        chosen = product(faults, modalities, severities)
        known = {
            'EMM': lambda: clean,
            'RMM': lambda: tuple(map(RandomMissing, RMM_RATES)),
            'RMM-blocks': lambda: tuple(
                RandomMissing(rate, by_block=True) for rate in RMM_RATES
            ),
            'NM': lambda: clean + tuple(map(Noisy, NM_LEVELS)),
            'faults': lambda: clean + tuple(Faulty(*each) for each in chosen),
        }
        if name not in known:
            raise ValueError(
                f'unknown protocol {name!r}; use one of {list(PROTOCOLS)}'
            )
        return cls(name, known[name]())

    @property
    def present(self) -> str:
        """Which combinations are scored unless others are asked for.

        Noise and faults spoil what is there, so nothing is missing.
        """
        return 'full' if self.name in ('NM', 'faults') else 'every'

    def asks(self, given: Any, known: Any) -> Any:
        """Return which combinations to score, as ``test_cfg.present``.

        Args:
            given: By the user; nothing: it was not said.
            known: What the config states; None: nothing.
        """
        return given or (self.present if known is None else known)

    def occurring(self, combinations: Sequence[str], dataset: Any) -> Any:
        """Return those of the combinations that this data set is scored on."""
        return combinations

    def run(
        self, runner: Runner, out: str | Path | None = None
    ) -> ConditionTable:
        """Test once per failure, and print and write the table.

        Args:
            runner: Ready to test, with a ``CombinationTestLoop``.
            out: Folder for the table; None: it is only printed.

        Raises:
            ValueError: no ``CombinationIoUMetric``.
        """
        loop, clean = runner.test_loop, runner.cfg.get('test_dataloader')
        reports: dict[tuple[str, str], Report] = {}
        for number, failure in enumerate(self.failures):
            spoilt = failure.spoil_loader(clean)
            if spoilt is not clean:
                loop.dataloader = runner.build_dataloader(spoilt)
            loop.set_failure(failure)
            loop.run() if number else runner.test()
            reports[failure.place] = metric_of(loop.evaluator.metrics).report
        table = ConditionTable.from_reports(self.name, reports)
        runner.logger.info(f'\n{table.to_text()}')
        if out and is_main_process():
            table.write(out)
        return table


EMM = Protocol('EMM', (Failure(),))
"""Modalities are missing entirely, which is all that happens."""


def metric_of(metrics: Sequence[Any]) -> CombinationIoUMetric:
    """Return our metric among those of an evaluator.

    Raises:
        ValueError: there is none.
    """
    for metric in metrics:
        if isinstance(metric, CombinationIoUMetric):
            return metric
    raise ValueError(
        'a protocol needs the scores of CombinationIoUMetric; set '
        '`test_evaluator`'
    )

"""Score a network under the conditions of a protocol, one after the other."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.runner import Runner

from ..corruptions import FAULTS, NM_LEVELS, RMM_RATES, SEVERITIES, check_fault
from ..values import data_sets
from . import CombinationIoUMetric, ConditionTable, Report

PROTOCOLS = ('EMM', 'RMM', 'NM', 'faults')
CLEAN = 'clean'


@dataclass(frozen=True)
class Condition:
    """One state of the data.

    Args:
        row: Of the table; empty: the combinations are the rows.
        column: Of the table.
        failure: Of ``CombinationTestLoop``.
        fault: Of ``CorruptModality``.
    """

    row: str
    column: str
    failure: str | None = None
    fault: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """How reports call it."""
        return self.failure or ', '.join(filter(None, (self.row, self.column)))


def conditions(
    protocol: str,
    modalities: Sequence[str],
    faults: Sequence[str] = tuple(FAULTS),
    severities: Sequence[int] = SEVERITIES,
) -> list[Condition]:
    """Return the conditions of a protocol besides ``EMM``, which has none.

    ``NM`` and ``faults`` start with the clean data.

    Args:
        protocol: ``RMM``, ``NM`` or ``faults``.
        modalities: Names; each suffers the faults by itself.
        faults: Of the protocol ``faults``.
        severities: Of the same.

    Raises:
        ValueError: unknown protocol, fault or severity.
    """
    clean = Condition('', CLEAN)
    if protocol == 'RMM':
        return [Condition('', str(r), f'RMM {r}') for r in RMM_RATES]
    if protocol == 'NM':
        return [clean, *(Condition('', n, f'NM {n}') for n in NM_LEVELS)]
    if protocol == 'faults':
        return [
            clean,
            *(
                _fault(*chosen)
                for chosen in product(faults, modalities, severities)
            ),
        ]
    raise ValueError(
        f'no conditions for the protocol {protocol!r}; use RMM, NM or faults'
    )


def _fault(fault: str, modality: str, severity: int) -> Condition:
    check_fault(fault, severity)
    step = {'fault': fault, 'modality': modality, 'severity': severity}
    return Condition(
        row=f'{fault} on {modality}',
        column=f'severity {severity}',
        fault={'type': 'CorruptModality', **step},
    )


def run_protocol(
    runner: Runner,
    protocol: str,
    states: Sequence[Condition],
    out: str | Path | None = None,
) -> ConditionTable:
    """Test once per condition, and print and write the table.

    Args:
        runner: Ready to test, with a ``CombinationTestLoop``; faults enter
            the pipeline of its test data after loading.
        protocol: Its name, for the table.
        states: Of :func:`conditions`.
        out: Folder for the table; None: it is only printed.

    Raises:
        ValueError: no ``CombinationIoUMetric``.
    """
    loop = runner.test_loop
    reports: dict[tuple[str, str], Report] = {}
    for number, state in enumerate(states):
        if state.fault:
            loop.dataloader = runner.build_dataloader(
                with_fault(runner.cfg.test_dataloader, state.fault)
            )
        clean = state.column == CLEAN
        loop.set_failure(state.failure, '' if clean else state.name)
        if number:
            loop.run()
        else:
            runner.test()
        reports[state.row, state.column] = _report(loop.evaluator.metrics)
    table = ConditionTable.from_reports(protocol, reports)
    runner.logger.info(f'\n{table.to_text()}')
    if out and is_main_process():
        table.write(out)
    return table


def with_fault(
    dataloader: Mapping[str, Any], fault: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the config with the fault as a step after loading.

    Raises:
        ValueError: a data set, or one of several, without a pipeline.
    """
    dataloader = copy.deepcopy(dataloader)
    for dataset in data_sets(dataloader['dataset']):
        pipeline = dataset.get('pipeline')
        if not pipeline:
            raise ValueError(
                'faults enter the `pipeline` of the data sets in '
                f'`test_dataloader`, and {dataset.get("type")} has none'
            )
        loads = [
            index + 1
            for index, step in enumerate(pipeline)
            if step['type'].endswith('LoadModalities')
        ]
        pipeline.insert(max(loads, default=0), dict(fault))
    return dataloader


def _report(metrics: Sequence[Any]) -> Report:
    for metric in metrics:
        if isinstance(metric, CombinationIoUMetric):
            return metric.report
    raise ValueError(
        'a protocol needs the scores of CombinationIoUMetric; set '
        '`test_evaluator`'
    )

"""What a training recorded of each combination, as curves."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# By combination, then by training step or epoch.
Curves = Mapping[str, Mapping[int, float]]
# Of MMEngine's local backend, in a folder per start of the training.
SCALARS = '*/vis_data/scalars.json'
LOSS, SCORE = 'loss', 'mIoU'
STEPS, EPOCHS = 'training steps', 'epochs'


def curves_of(
    folder: Path, kind: str, combinations: Collection[str]
) -> dict[str, dict[int, float]]:
    """Return the curves ``<kind>/<combination>`` of a work folder.

    A training that was stopped and resumed is one curve: from its first step
    on a start replaces what earlier ones recorded, all of it where it began
    anew. So do scores that are counted otherwise, see :func:`axis_of`.

    Args:
        folder: The work folder of the training.
        kind: ``loss`` or ``mIoU``.
        combinations: Which to look for.
    """
    found: dict[str, dict[int, float]] = {}
    axis = axis_of(folder) if kind == SCORE else STEPS
    for records in _starts(folder):
        first = _first(records, axis)
        if first is not None:
            found = {
                name: {x: y for x, y in points.items() if x < first}
                for name, points in found.items()
            }
        if kind == SCORE and _axis(records) != axis:
            continue
        for record in records:
            for name in combinations:
                value = record.get(f'{kind}/{name}')
                if _is_number(value):
                    points = found.setdefault(name, {})
                    points[record['step']] = float(value)
    return {name: points for name, points in found.items() if points}


def axis_of(folder: Path) -> str:
    """Return what the validations of a work folder are counted in.

    MMEngine's default is epochs, while losses are counted in steps. Where
    starts differ, the last one that validated says it.
    """
    known = [axis for records in _starts(folder) if (axis := _axis(records))]
    return known[-1] if known else STEPS


def _axis(records: Sequence[Mapping[str, Any]]) -> str | None:
    """Return what the scores of one start are counted in; None: no scores.

    Steps never lie behind those that were trained before.
    """
    trained, axis = 0, None
    for record in records:
        if any(key.startswith(f'{SCORE}/') for key in record):
            if record['step'] < trained:
                return EPOCHS
            axis = STEPS
        if _trains(record):
            trained = record['step']
    return axis


def _first(records: Sequence[Mapping[str, Any]], axis: str) -> int | None:
    """Return where a start began; None: it trained nothing."""
    trained = [record for record in records if _trains(record)]
    if not trained:
        return None
    epoch = next((r['epoch'] for r in trained if 'epoch' in r), None)
    if epoch == 1:
        return 0
    return trained[0]['step'] if axis == STEPS else epoch


def _trains(record: Mapping[str, Any]) -> bool:
    return 'iter' in record or any(k.startswith(f'{LOSS}/') for k in record)


def _starts(folder: Path) -> Iterator[list[Mapping[str, Any]]]:
    for path in sorted(folder.glob(SCALARS)):
        yield list(_records(path))


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the lines of a file; one that was cut off is left out."""
    text = path.read_text(encoding='utf-8', errors='replace')
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and type(record.get('step')) is int:
            yield record


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)

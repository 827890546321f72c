"""What a training recorded of each combination, as curves."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

# By combination, then by training step.
Curves = Mapping[str, Mapping[int, float]]
# Of MMEngine's local backend, in a folder per start of the training.
SCALARS = '*/vis_data/scalars.json'


def curves_of(
    folder: Path, kind: str, combinations: Collection[str]
) -> dict[str, dict[int, float]]:
    """Return the curves ``<kind>/<combination>`` of a work folder.

    A training that was stopped and resumed is one curve; where both parts
    have a step, the later one counts.

    Args:
        folder: Folder of the training.
        kind: ``loss`` or ``mIoU``.
        combinations: Which to look for.
    """
    found: dict[str, dict[int, float]] = {}
    for path in sorted(folder.glob(SCALARS)):
        for record in _records(path):
            step = record.get('step')
            for name in combinations:
                value = record.get(f'{kind}/{name}')
                if type(step) is int and _is_number(value):
                    found.setdefault(name, {})[step] = float(value)
    return found


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the lines of a file; one that was cut off is left out."""
    for line in path.read_text(errors='replace').splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)

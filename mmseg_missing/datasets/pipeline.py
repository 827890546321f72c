"""Pipelines that get the stack from their data set."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import TRANSFORMS


def complete_pipeline(
    pipeline: Sequence[Any], modalities: Sequence[str | Mapping]
) -> list[Any]:
    """Return the pipeline with ``modalities`` where a step takes it.

    A config states the stack once, in the data set; a step that states its
    own keeps it. Steps of steps (``TestTimeAug``) are completed too.

    Args:
        pipeline: Steps as dicts, lists of them, or built transforms.
        modalities: Of the data set; names alone say too little and change
            nothing.
    """
    return [_complete(step, modalities) for step in pipeline]


def _complete(step: Any, modalities: Sequence[str | Mapping]) -> Any:
    if isinstance(step, (list, tuple)):
        return complete_pipeline(step, modalities)
    if not isinstance(step, Mapping):
        return step
    step = dict(step)
    if 'transforms' in step:
        step['transforms'] = complete_pipeline(step['transforms'], modalities)
    transform = TRANSFORMS.get(step['type'])
    takes = (
        transform and 'modalities' in inspect.signature(transform).parameters
    )
    if takes and not any(isinstance(m, str) for m in modalities):
        step.setdefault('modalities', modalities)
    return step

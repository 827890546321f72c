"""Pipelines that get the stack from their data set."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import TRANSFORMS

# By the name of MMSegmentation's.
OURS = {
    'LoadImageFromFile': 'LoadModalities',
    'LoadAnnotations': 'LoadLabel',
    'Resize': 'ResizeModalities',
    'RandomResize': 'RandomResizeModalities',
    'ResizeToMultiple': 'PadModalities with `size_divisor`',
    'RandomChoiceResize': 'RandomChoice of ResizeModalities',
    'ResizeShortestEdge': 'ResizeModalities',
    'RandomCrop': 'RandomCropModalities',
    'CenterCrop': 'RandomCropModalities',
    'RandomFlip': 'RandomFlipModalities',
    'RandomRotate': 'RotateModalities',
    'RandomRotFlip': 'RotateModalities and RandomFlipModalities',
    'Pad': 'PadModalities',
    'PhotoMetricDistortion': 'RGBPhotoMetricDistortion',
    'Normalize': '`mean` and `std` in `modalities`',
    'PackSegInputs': 'PackModalities',
}


def complete_pipeline(
    pipeline: Sequence[Any], modalities: Sequence[str | Mapping]
) -> list[Any]:
    """Return the pipeline with ``modalities`` where a step takes it.

    A config states the stack once, in the data set; a step that states its
    own keeps it. Steps of steps (``TestTimeAug``) are completed too. Steps
    of MMSegmentation and MMCV that change a sample are refused: they know
    one image, and would leave modalities or the label as they are.

    Args:
        pipeline: Steps as dicts, lists of them, or built transforms.
        modalities: Of the data set; names alone say too little and change
            nothing.

    Raises:
        KeyError: a step without ``type``.
        TypeError: no list of steps.
        ValueError: a step for one image.
    """
    if isinstance(pipeline, (str, Mapping)) or not isinstance(
        pipeline, Sequence
    ):
        raise TypeError(f'`pipeline` takes a list of steps, got {pipeline!r}')
    return [_complete(step, modalities) for step in pipeline]


def _check_for_modalities(transform: Any) -> None:
    """Refuse what changes ``img``; steps of steps change nothing."""
    package = (getattr(transform, '__module__', None) or '').split('.')[0]
    if package not in ('mmcv', 'mmseg'):
        return
    if 'transforms' in inspect.signature(transform).parameters:
        return
    name = transform.__name__
    ours = OURS.get(name)
    remedy = f'use {ours}' if ours else 'leave it out, or write one that does'
    raise ValueError(
        f'{name} of `pipeline` changes one image, not all modalities and the '
        f'label together; {remedy}'
    )


def _complete(step: Any, modalities: Sequence[str | Mapping]) -> Any:
    if isinstance(step, (list, tuple)):
        return complete_pipeline(step, modalities)
    if not isinstance(step, Mapping):
        _check_for_modalities(type(step))
        return step
    if 'type' not in step:
        raise KeyError(f'a step of `pipeline` needs `type`, got {dict(step)}')
    step = dict(step)
    if 'transforms' in step:
        step['transforms'] = complete_pipeline(step['transforms'], modalities)
    kind = step['type']
    transform = TRANSFORMS.get(kind) if isinstance(kind, str) else kind
    _check_for_modalities(transform)
    takes = (
        transform and 'modalities' in inspect.signature(transform).parameters
    )
    if takes and not any(isinstance(m, str) for m in modalities):
        step.setdefault('modalities', modalities)
    return step

"""Pipelines that get the stack from their data set."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import TRANSFORMS

# Transforms of one image, by what does the same to all modalities.
OURS = {
    'LoadAnnotations': 'LoadLabel',
    'LoadImageFromFile': 'LoadModalities',
    'PackSegInputs': 'PackModalities',
    'Pad': 'PadModalities',
    'PhotoMetricDistortion': 'RGBPhotoMetricDistortion',
    'RandomCrop': 'RandomCropModalities',
    'RandomFlip': 'RandomFlipModalities',
    'RandomResize': 'RandomResizeModalities',
    'RandomRotate': 'RotateModalities',
    'Resize': 'ResizeModalities',
}
FOREIGN = ('mmcv', 'mmseg')


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

    Raises:
        TypeError: no list of steps, or a step without ``type``.
        ValueError: a transform of MMSegmentation or MMCV, which know one
            image: it would change the label and no modality, or nothing.
    """
    if not isinstance(pipeline, (list, tuple)):
        raise TypeError(
            '`pipeline` takes a list of transforms, such as '
            f"[dict(type='LoadModalities'), ...], got {pipeline!r}"
        )
    return [_complete(step, modalities) for step in pipeline]


def _complete(step: Any, modalities: Sequence[str | Mapping]) -> Any:
    if isinstance(step, (list, tuple)):
        return complete_pipeline(step, modalities)
    if not isinstance(step, Mapping):
        _refuse_foreign(type(step))
        return step
    step = dict(step)
    transform = _type_of(step)
    if 'transforms' in step:
        step['transforms'] = complete_pipeline(step['transforms'], modalities)
    elif transform:
        _refuse_foreign(transform)
    takes = (
        transform and 'modalities' in inspect.signature(transform).parameters
    )
    if takes and not any(isinstance(m, str) for m in modalities):
        step.setdefault('modalities', modalities)
    return step


def _type_of(step: Mapping[str, Any]) -> type | None:
    """Return the class of a step; None lets the registry say what it knows."""
    kind = step.get('type')
    if isinstance(kind, str):
        return TRANSFORMS.get(kind)
    if isinstance(kind, type):
        return kind
    raise TypeError(
        "a step of `pipeline` needs `type`, such as type='LoadModalities', "
        f'got {dict(step)}'
    )


def _refuse_foreign(transform: type) -> None:
    name, package = transform.__name__, transform.__module__.split('.')[0]
    if package not in FOREIGN:
        return
    instead = OURS.get(name) or f'one of {sorted(OURS.values())}'
    raise ValueError(
        f"transform '{name}' of {package} in `pipeline` knows one image, not "
        f'a stack of modalities with their label; use {instead}'
    )

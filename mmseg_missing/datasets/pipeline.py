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
    pipeline: Sequence[Any],
    modalities: Sequence[str | Mapping],
    backend_args: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Return the pipeline with ``modalities`` where a step takes it.

    A config states the stack once, in the data set, and ``backend_args``
    too; a step that states its own keeps it. Steps of steps
    (``TestTimeAug``) are completed too. Steps of MMSegmentation and MMCV
    that change a sample are refused: they know one image, and would leave
    modalities or the label as they are.

    Args:
        pipeline: Steps as dicts, lists of them, or built transforms.
        modalities: Those of the data set; names alone say too little, change
            nothing.
        backend_args: Arguments of the data set.

    Raises:
        KeyError: a step without ``type``.
        TypeError: no list of steps.
        ValueError: a step for one image.
    """
    given: dict[str, Any] = {}
    if not any(isinstance(m, str) for m in modalities):
        given['modalities'] = modalities
    if backend_args is not None:
        given['backend_args'] = backend_args
    return _completed(pipeline, given)


def _completed(pipeline: Any, given: Mapping[str, Any]) -> list[Any]:
    if isinstance(pipeline, (str, Mapping)) or not isinstance(
        pipeline, Sequence
    ):
        raise TypeError(f'`pipeline` takes a list of steps, got {pipeline!r}')
    return [_complete(step, given) for step in pipeline]


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


def _complete(step: Any, given: Mapping[str, Any]) -> Any:
    if isinstance(step, (list, tuple)):
        return _completed(step, given)
    if not isinstance(step, Mapping):
        _check_for_modalities(type(step))
        return step
    if 'type' not in step:
        raise KeyError(f'a step of `pipeline` needs `type`, got {dict(step)}')
    step = dict(step)
    if 'transforms' in step:
        step['transforms'] = _completed(step['transforms'], given)
    kind = step['type']
    transform = TRANSFORMS.get(kind) if isinstance(kind, str) else kind
    _check_for_modalities(transform)
    takes = inspect.signature(transform).parameters if transform else ()
    return {**{k: v for k, v in given.items() if k in takes}, **step}

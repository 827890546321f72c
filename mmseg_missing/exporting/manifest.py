"""What runs exported files has to know, in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..modality import Stack
from ..version import __version__
from .formats import Exported
from .writers import OPSET

MANIFEST = 'manifest.json'
FORMAT_VERSION = 1


def manifest_of(
    stack: Stack,
    files: Mapping[str, Exported],
    kind: str,
    argmax: bool,
    classes: Mapping[str, Any] | None = None,
    rules: Mapping[str, Any] | None = None,
    fill: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the manifest of a folder of graphs.

    Args:
        stack: The modalities.
        files: By combination; under ``present`` the one that takes what is
            there as an input.
        kind: Format of the files.
        argmax: Whether they return masks.
        classes: ``classes`` and ``palette``.
        rules: What else images have to be: ``multiple_of``, ``units``,
            ``pipeline``, and by modality what marks pixels without a value,
            ``nodata``, which become the mean before the graph, and how near
            to each counts, ``nodata_within``.
        fill: What stands in for each absent modality, inside.
    """
    rules, classes = dict(rules or {}), classes or {}
    units, nodata = rules.pop('units', {}), rules.pop('nodata', {})
    within = rules.pop('nodata_within', {})
    return {
        'format_version': FORMAT_VERSION,
        'mmseg_missing': __version__,
        'torch': torch.__version__,
        'format': kind,
        **({'opset': OPSET} if kind == 'onnx' else {}),
        'output': 'mask' if argmax else 'logits',
        'modalities': [
            {
                'name': m.name,
                'channels': m.channels,
                'unit': units.get(m.name, 'as in training'),
                'mean': list(m.mean),
                'std': list(m.std),
                'sensor': m.sensor,
                'fill': (fill or {}).get(m.name, 'zero'),
                **_holes(nodata.get(m.name), within.get(m.name)),
            }
            for m in stack
        ],
        'layout': 'float32 (n, channels, height, width), not normalised',
        'classes': _plain(classes.get('classes')),
        'palette': _plain(classes.get('palette')),
        **rules,
        'files': {name: _entry(one) for name, one in files.items()},
    }


def _holes(
    values: Sequence[float] | None, within: Sequence[float] | None
) -> dict[str, Any]:
    """Return what marks pixels without a value; JSON has no NaN."""
    found = ['nan' if value != value else value for value in values or ()]
    near = {'nodata_within': list(within)} if within and any(within) else {}
    return {'nodata': found, **near} if found else {}


def _entry(one: Exported) -> dict[str, Any]:
    return {
        'file': one.path.name,
        'batch': one.batch,
        'size': None if one.size is None else list(one.size),
        'checked': [list(shape) for shape in one.checked],
        'error': one.error,
    }


def _plain(values: Sequence | None) -> list | None:
    if values is None:
        return None
    return [v if isinstance(v, str) else [int(c) for c in v] for v in values]

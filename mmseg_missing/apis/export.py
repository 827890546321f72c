"""Write files that run without this package."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import nn

from ..datasets.pipeline import complete_pipeline
from ..datasets.transforms.file_format import (
    nodata_in_unit,
    nodata_within,
    scale_by_dtype,
)
from ..engine.atomic import write_atomically
from ..exporting import (
    FORMATS,
    MANIFEST,
    PRESENT,
    Exported,
    Graph,
    manifest_of,
    write_graph,
)
from ..exporting.checks import check_graph
from ..startup.checks import require
from .arrays import one_dataset
from .fold import folded_network
from .frames import FrameReader
from .model import AdapterFiles, init_model

SIZE = (64, 96)


def export(
    config: str | Path | Config,
    checkpoint: str | Path,
    out: str | Path,
    combinations: str | Sequence[str] = 'every',
    adapter: AdapterFiles = None,
    kind: str = 'onnx',
    argmax: bool = False,
    size: tuple[int, int] | None = None,
    advance: Callable[[str, Exported], None] = lambda name, one: None,
) -> dict[str, Any]:
    """Write a graph per combination, or one for all, and a manifest.

    Normalisation, fill and all that is predicted are inside. Each graph is
    compared with what the network does in a test, and each file is run and
    compared with its graph, before the manifest names it.

    Args:
        config: As :func:`~mmseg_missing.apis.init_model` takes it, like
        checkpoint: a base, a joined or a folded one, and
        adapter: adapter files.
        out: Folder to write to.
        combinations: Such as ``rgb``, a list of them, ``every`` or
            ``subsets``: a folded graph each, which takes what is there
            alone. ``present``: one graph with all rows, which takes all
            modalities and a flag for each.
        kind: A key of ``mmseg_missing.exporting.FORMATS``.
        argmax: Return masks instead of logits.
        size: (h, w) that is fixed; default: any, where the network allows
            it.
        advance: Called after each file.

    Returns:
        The manifest.

    Raises:
        ImportError: packages that the format needs.
        ValueError: what :func:`~mmseg_missing.apis.init_model` raises, or a
            network that cannot be exported, with the reason.
    """
    if kind not in FORMATS:
        raise ValueError(
            f'a format is one of {", ".join(FORMATS)}, got {kind!r}; check '
            '--format'
        )
    model = init_model(config, checkpoint, adapter)
    require(model.cfg, 'model.stack')
    at_size = _unpadded_size(model, size)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    files: dict[str, Exported] = {}
    for name in chosen(model, combinations):
        network = model if name == PRESENT else folded_network(model, name)
        part = out / f'part.{name}{FORMATS[kind]}'
        check_graph(Graph(network).eval(), at_size)
        graph = Graph(network, argmax).eval()
        found = write_graph(graph, part, at_size, kind, size is not None)
        # One of before may name graphs of other weights.
        (out / MANIFEST).unlink(missing_ok=True)
        path = part.replace(out / f'{name}{FORMATS[kind]}')
        files[name] = replace(found, path=path)
        advance(name, files[name])
    facts = manifest_of(
        model.stack,
        files,
        kind,
        argmax,
        model.dataset_meta,
        _rules(model),
        model.fill,
    )
    write_atomically(out / MANIFEST, json.dumps(facts, indent=1) + '\n')
    return facts


def _unpadded_size(
    model: nn.Module, size: tuple[int, int] | None
) -> tuple[int, int]:
    """Return the size (h, w) to export at, one that is not padded.

    Raises:
        ValueError: padding that the network sees and a graph would not.
    """
    padding = model.data_preprocessor.test_cfg or {}
    padded, multiple = padding.get('size'), padding.get('size_divisor') or 1
    if padded:
        raise ValueError(
            'this network pads images in its test '
            f'(`model.data_preprocessor.test_cfg.size={tuple(padded)}`), '
            'which a graph does not; set it to None (--cfg-options) and pad '
            'outside, or take `size_divisor`, which the manifest says'
        )
    height, width = size or SIZE
    fitting = (
        -(-height // multiple) * multiple,
        -(-width // multiple) * multiple,
    )
    if size is not None and size != fitting:
        raise ValueError(
            f'this network pads images to multiples of {multiple} '
            '(`model.data_preprocessor.test_cfg.size_divisor`), so it never '
            f'sees {height}x{width}; give --size {fitting[0]} {fitting[1]}, '
            'and pad outside'
        )
    return fitting


def chosen(model: nn.Module, combinations: str | Sequence[str]) -> list[str]:
    """Return the names of the files to write.

    Raises:
        ValueError: unknown combinations, or others than what a folded
            network is for.
    """
    if combinations == PRESENT:
        if model.folded is not None:
            raise ValueError(
                f'this network is folded for {model.folded}, and has no rows '
                'for others; give the base and its adapter file'
            )
        return [PRESENT]
    if model.folded is None:
        return list(model.stack.choose(combinations))
    if combinations in ('every', 'subsets'):
        return [model.folded]
    names = list(model.stack.choose(combinations))
    if names != [model.folded]:
        raise ValueError(
            f'this network is folded for {model.folded}, not for '
            f'{", ".join(names)}; give the base and its adapter file'
        )
    return names


def _rules(model: nn.Module) -> dict[str, Any]:
    """Return what images have to be, for the manifest."""
    padding = model.data_preprocessor.test_cfg or {}
    rules: dict[str, Any] = {'multiple_of': padding.get('size_divisor') or 1}
    if model.cfg.get('test_dataloader') is None:
        return rules
    dataset = one_dataset(model.cfg.test_dataloader)
    formats = FrameReader(model.cfg).formats
    rules['units'] = {
        m.name: unit_of(m.name, formats.get(m.name) or {}) for m in model.stack
    }
    # What an encoder takes for holes lies before what the graph sees.
    marked = {
        name: form
        for name, form in formats.items()
        if form and form.get('nodata') is not None and not form.get('encode')
    }
    for key, read in (
        ('nodata', nodata_in_unit),
        ('nodata_within', nodata_within),
    ):
        rules[key] = {name: read(form) for name, form in marked.items()}
    steps = complete_pipeline(dataset.get('pipeline') or [], model.stack.names)
    rules['pipeline'] = list(map(_step_in_words, steps))
    return rules


def _step_in_words(step: Mapping[str, Any]) -> str:
    """Return a step and its settings: a graph does none of it."""
    settings = ', '.join(
        f'{key}={value!r}'
        for key, value in step.items()
        if key not in ('type', 'modalities')
    )
    return f'{step["type"]}({settings})' if settings else str(step['type'])


def unit_of(name: str, form: Mapping[str, Any]) -> str:
    """Return in which unit a modality comes, in words.

    Args:
        name: Name of the modality.
        form: How its files are stored; empty: not known.
    """
    if form.get('encode'):
        encoding = form['encode']['encoding']
        return f'{encoding}, as the data set encodes it'
    order = ', in the order red, green, blue' if name == 'rgb' else ''
    offset = form.get('offset', 0)
    scales = scale_by_dtype(form)
    if offset or set(scales.values()) != {1.0}:
        times = ' or '.join(
            f'{scale:g} ({dtype})' for dtype, scale in scales.items()
        )
        plus = f' plus {offset:g}' if offset else ''
        return f'value of the file times {times}{plus}{order}'
    if name == 'rgb':
        return f'0 to 255{order}'
    return 'as in the file' if form else 'as in training'

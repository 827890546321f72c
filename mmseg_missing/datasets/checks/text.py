"""A summary in words: tables, problems, and lines for the config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from prettytable import PrettyTable

from mmseg_missing.modality import Modality
from mmseg_missing.values import VOID

from .statistics import ChannelStatistics
from .summary import Summary


def summary_tables(
    summary: Summary,
    title: str,
    classes: Sequence[str],
    formats: Mapping[str, Mapping[str, Any] | None],
) -> str:
    """Return a table of the modalities and one of the classes.

    Args:
        summary: of one data set.
        title: its name.
        classes: their names, in the order of their indices.
        formats: how each modality is stored; none for what is made.
    """
    sizes = summary.sizes.most_common(3)
    shown = ', '.join(f'{h} x {w} ({n})' for (h, w), n in sizes)
    more = len(summary.sizes) - len(sizes)
    lines = [
        f'{title}: {_counted(summary.samples, "sample")}, '
        f'{_counted(summary.labels, "label")}, '
        f'height x width {shown or "unknown"}'
        + (f' and {more} more sizes' if more else ''),
        _modality_table(summary, formats),
    ]
    if summary.labels:
        lines.append(_class_table(summary, classes))
    return '\n'.join(lines)


def problem_lines(problems: Sequence[str], first: int = 10) -> str:
    """Return the number of problems and the first of them."""
    if not problems:
        return 'no problems'
    count = len(problems)
    lines = [f'{_counted(count, "problem")}:']
    lines += [f'- {problem}' for problem in problems[:first]]
    if count > first:
        lines.append(f'... and {count - first} more')
    return '\n'.join(lines)


def modality_lines(summary: Summary) -> str:
    """Return the config's ``modalities`` with the measured mean and std."""
    lines = [
        f'    {_modality_dict(modality, summary.statistics[modality.name])},'
        for modality in summary.stack
        if modality.name in summary.statistics
    ]
    return '\n'.join(['modalities = [', *lines, ']'])


def _modality_table(summary: Summary, formats: Mapping) -> str:
    table = PrettyTable(
        ['modality', 'file', 'channels', 'images', 'absent', 'min', 'max'],
        align='r',
    )
    table.align.update(modality='l', file='l')
    for modality in summary.stack:
        name = modality.name
        found = summary.statistics.get(name)
        low = f'{found.low.min():.5g}' if found else '-'
        high = f'{found.high.max():.5g}' if found else '-'
        counts = summary.images[name], summary.absent[name]
        stored = _stored(formats.get(name))
        table.add_row([name, stored, modality.channels, *counts, low, high])
    return table.get_string()


def _stored(form: Mapping[str, Any] | None) -> str:
    if form is None:
        return 'made'
    scales = form.get('scale', 1)
    if not isinstance(scales, Mapping):
        scales = {form.get('dtype', 'uint8'): scales}
    words = [
        str(dtype) if scale == 1 else f'{dtype} * {scale:g}'
        for dtype, scale in scales.items()
    ]
    offset = form.get('offset', 0)
    text = ' or '.join(words) + (f' {offset:+g}' if offset else '')
    encode = form.get('encode')
    return f'{text} as {encode["encoding"]}' if encode else text


def _class_table(summary: Summary, classes: Sequence[str]) -> str:
    pixels, images = summary.label_pixels, summary.label_images
    counted = max(pixels.sum() - pixels[VOID], 1)
    table = PrettyTable(['label', 'class', 'pixels %', 'images'], align='r')
    table.align['class'] = 'l'
    for index, name in enumerate(classes):
        share = f'{100 * pixels[index] / counted:.2f}'
        table.add_row([index, name, share, images[index]])
    share = f'{100 * pixels[VOID] / max(pixels.sum(), 1):.2f} of all'
    table.add_row([VOID, '(ignored)', share, images[VOID]])
    return table.get_string()


def _modality_dict(modality: Modality, found: ChannelStatistics) -> str:
    """Return ``dict(name=..., mean=[...], std=[...])``, four digits each."""
    given = {f.name: getattr(modality, f.name) for f in fields(modality)}
    given['mean'], given['std'] = _rounded(found.mean), _rounded(found.std)
    defaults = {f.name: f.default for f in fields(modality)}
    defaults['sensor'] = modality.name
    words = [f'{k}={v!r}' for k, v in given.items() if v != defaults[k]]
    return f'dict({", ".join(words)})'


def _rounded(values: Any) -> list[float]:
    return [float(f'{value:.4g}') for value in values]


def _counted(count: int, noun: str) -> str:
    return f'{count} {noun}{"" if count == 1 else "s"}'

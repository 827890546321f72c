"""What an adapter file may say of itself, checked before anybody reads on."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import torch

from ..fill import FILLS, parse_fill, usual
from ..modality import Modality, Stack
from .file_format import Damaged
from .rows import ROW_MODES, Rows

FILL = 'fill.'
PREDICTORS = 'predictors.'
MONITOR = 'monitor.'
MOST_MODALITIES = 16
MOST_CHANNELS = 4096
MOST_SAMPLES = 2**63
# In files of version 0.1 these had one value only, and were left out.
ADDED = ('options', 'row_options', 'identity', 'batch_major')


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.isidentifier()


def _is_digest(digits: int) -> Callable[[Any], bool]:
    pattern = re.compile(f'[0-9a-f]{{{digits}}}')
    return lambda value: (
        isinstance(value, str) and pattern.fullmatch(value) is not None
    )


def _is_count(value: Any, most: int = MOST_SAMPLES) -> bool:
    return type(value) is int and 0 < value < most


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(
        type(n) in (int, float) and math.isfinite(n) for n in value
    )


def _is_list_of(is_entry: Callable[[Any], bool], value: Any) -> bool:
    return isinstance(value, list) and all(map(is_entry, value))


def _is_modality(entry: Any) -> bool:
    if not (isinstance(entry, list) and len(entry) == 4):
        return False
    name, channels, mean, std = entry
    return (
        _is_text(name)
        and _is_count(channels, MOST_CHANNELS)
        and _is_numbers(mean)
        and _is_numbers(std)
        and len(mean) == len(std) == channels
    )


def _is_site(entry: Any) -> bool:
    if not (isinstance(entry, list) and len(entry) == 3):
        return False
    name, kind, width = entry
    return _is_text(name) and _is_name(kind) and _is_count(width)


def _is_method(entry: Any) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and _is_name(entry[0])
        and isinstance(entry[1], dict)
    )


def _is_share(entry: Any) -> bool:
    return isinstance(entry, list) and all(
        (n == 0 and type(n) is int) or _is_count(n) for n in entry
    )


def _is_counts(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(map(_is_count, value.values()))
    )


def _is_option(value: Any, held: int) -> bool:
    """Say whether it is a word or a number, none that asks for more room."""
    if type(value) is int:
        return 0 <= value <= held
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (bool, str))


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _is_optional_dict(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def _is_fill(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_text, value.values()))
    return value is None or isinstance(value, str)


def _is_predictors(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(config, dict) and _is_name(config.get('type'))
        for config in value.values()
    )


def _is_monitor(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) - {'tolerance', 'seed'}
        == {'quantile', 'images', 'stems'}
        and _is_numbers([value.get('tolerance', 1.0)])
        and value.get('tolerance', 1.0) > 0
        and isinstance(value['quantile'], float)
        and 0 < value['quantile'] < 1
        and _is_count(value['images'])
        and _is_count(value.get('seed', 1))
        and isinstance(value['stems'], dict)
        and all(map(_is_text, value['stems'].values()))
    )


# What must be there, and what it must be.
KINDS: dict[str, Callable[[Any], bool]] = {
    'method': _is_name,
    'options': _is_dict,
    'rows': _is_name,
    'row_options': _is_dict,
    'network': _is_name,
    'stack': lambda value: _is_list_of(_is_modality, value),
    'sites': lambda value: _is_list_of(_is_site, value) and bool(value),
    'batch_major': lambda value: _is_list_of(_is_text, value),
    'identity': _is_digest(16),
    'base': _is_digest(64),
    'samples_seen': _is_counts,
    'combinations': lambda value: _is_list_of(_is_text, value),
    'mmseg_missing_version': _is_text,
}
# What may be there.
MORE: dict[str, Callable[[Any], bool]] = {
    'fill': _is_fill,
    'results': _is_optional_dict,
    'root': _is_text,
    'predictors': _is_predictors,
    'monitor': _is_monitor,
    'trainable': lambda value: _is_list_of(_is_text, value),
    'methods': lambda value: _is_list_of(_is_method, value),
    'shares': lambda value: _is_list_of(_is_share, value),
}


def check_metadata(
    metadata: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuse metadata that nobody can rely on.

    Args:
        metadata: Metadata of a file.
        shapes: Shapes of the tensors that the file holds.

    Raises:
        Damaged: an entry that is missing, of a wrong kind, out of bounds, or
            at odds with another one or with the tensors.
        Unregistered: it needs a part of somebody's own.
    """
    for key, is_right in {**KINDS, **MORE}.items():
        is_optional = key in MORE or key in ADDED
        if key not in metadata and is_optional:
            continue
        if key not in metadata or not is_right(metadata[key]):
            raise Damaged(f'its {key} is missing, or of a wrong kind')
    names = [name for name, *_ in metadata['sites']]
    _check_registered(metadata)
    majors = metadata.get('batch_major', [])
    if len(set(names)) < len(names) or not set(majors) <= set(names):
        raise Damaged('its sites name a layer twice, or lack one')
    _check_shares(metadata)
    stack = stack_of(metadata)
    _check_combinations(metadata, stack)
    _check_shapes(metadata, stack, shapes)


def _check_shares(metadata: Mapping[str, Any]) -> None:
    """Refuse shares of methods that are not what the sites have."""
    if ('methods' in metadata) != ('shares' in metadata):
        raise Damaged('it has methods without shares, or shares without')
    if 'methods' not in metadata:
        return
    shares, methods = metadata['shares'], metadata['methods']
    widths = [width for *_, width in metadata['sites']]
    if [*map(sum, shares)] != widths or {*map(len, shares)} != {len(methods)}:
        raise Damaged('the shares of its methods are not those of its sites')


class Unregistered(ValueError):
    """What a file needs that nobody registered here, as a clause."""


def _check_registered(metadata: Mapping[str, Any]) -> None:
    """Refuse a file that needs a part of somebody's own which is not here.

    Raises:
        Unregistered: names it.
    """
    fill = metadata.get('fill') or {}
    fills = fill.values() if isinstance(fill, dict) else [fill]
    needed = [
        ('row mode', metadata['rows'], ROW_MODES),
        *(('fill', usual(text).partition(':')[0], FILLS) for text in fills),
    ]
    for what, name, known in needed:
        if name not in known:
            raise Unregistered(
                f'the {what} {name!r}, which nobody registered here; give the '
                'config that it was trained with, whose `custom_imports` '
                'brings it'
            )


def stack_of(metadata: Mapping[str, Any]) -> Stack:
    """Return the modalities that a file was trained for.

    Raises:
        Damaged: they cannot be.
    """
    entries = metadata['stack']
    if len(entries) > MOST_MODALITIES:
        raise Damaged(f'it has more than {MOST_MODALITIES} modalities')
    try:
        stack = Stack(
            [
                Modality(name, channels, tuple(mean), tuple(std))
                for name, channels, mean, std in entries
            ]
        )
        parse_fill(stack, metadata.get('fill') or 'zero')
    except (ValueError, TypeError) as error:
        raise Damaged(f'its stack or fill cannot be: {error}') from error
    return stack


def rows_of(metadata: Mapping[str, Any], stack: Stack) -> Rows:
    """Return empty rows of the mode and the sizes that a file states."""
    width = sum(width for *_, width in metadata['sites'])
    return ROW_MODES[metadata['rows']](
        stack,
        width,
        list(metadata['samples_seen']),
        **metadata.get('row_options', {}),
    )


def _check_combinations(metadata: Mapping[str, Any], stack: Stack) -> None:
    seen = metadata['samples_seen']
    if list(seen) != metadata['combinations']:
        raise Damaged('its combinations are not those that saw samples')
    for name in seen:
        try:
            full_name = stack.canonical(name)
        except ValueError as error:
            raise Damaged(str(error)) from error
        if full_name != name or name == stack.full:
            raise Damaged(f'{name!r} is no combination that has a row')


def _check_shapes(
    metadata: Mapping[str, Any],
    stack: Stack,
    shapes: Mapping[str, tuple[int, ...]],
) -> None:
    """Refuse tensors other than the metadata imply, before they exist."""
    held = sum(map(prod, shapes.values()))
    width = sum(width for *_, width in metadata['sites'])
    options = metadata.get('row_options', {})
    if width > held or not all(_is_option(v, held) for v in options.values()):
        raise Damaged('it holds fewer numbers than its sites and rows need')
    try:
        with torch.device('meta'):
            rows = rows_of(metadata, stack)
    except (TypeError, ValueError) as error:
        raise Damaged(f'its rows cannot be: {error}') from error
    expected = {
        name: tuple(rows.get_parameter(key).shape)
        for name, key in rows.stored(metadata['samples_seen']).items()
    }
    fills = {
        f'{FILL}{m.name}': (m.channels,)
        for m in stack
        if f'{FILL}{m.name}' in shapes
    }
    beside = tuple(
        f'{PREDICTORS}{name}.' for name in metadata.get('predictors', {})
    )
    if 'monitor' in metadata:
        beside += (MONITOR,)
    rest = {n: s for n, s in shapes.items() if not n.startswith(beside)}
    if {**expected, **fills} != rest:
        raise Damaged(
            f'expected numbers for {list(expected)[:3]}, {width} in a row'
        )

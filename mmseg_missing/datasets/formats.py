"""Where a data set's files are and how they are stored, checked."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .options import modality_names, text
from .transforms.file_format import VALUE_KEYS, check_format

FORMAT_KEYS = ('folder', 'suffix', *VALUE_KEYS)


def merge_formats(
    known: Mapping[str, Mapping], changes: Mapping[str, Mapping] | None
) -> dict[str, dict]:
    """Return ``known`` with the user's changes, key by key.

    Raises:
        TypeError: changes that are no dict of dicts.
    """
    changes = format_dicts(changes)
    return {
        name: {**known.get(name, {}), **(changes.get(name) or {})}
        for name in [*known, *(n for n in changes if n not in known)]
    }


def format_dicts(formats: Any) -> dict[str, Mapping | None]:
    """Return the formats, one dict or None per name.

    Raises:
        TypeError: something else.
    """
    formats = {} if formats is None else formats
    if not isinstance(formats, Mapping):
        raise TypeError(
            f'`formats` takes a dict(rgb=dict(...), ...), got {formats!r}'
        )
    for name, form in formats.items():
        if form is not None and not isinstance(form, Mapping):
            raise TypeError(
                f'`formats.{name}` takes a dict(folder=..., suffix=..., ...), '
                f'got {form!r}'
            )
    return dict(formats)


def checked_formats(
    modalities: Sequence[str | Mapping], formats: Mapping[str, Mapping]
) -> dict[str, dict]:
    """Return the format of every modality of the stack, in its order.

    Raises:
        TypeError: a value of another kind than its key takes.
        ValueError: no format, or one with other keys or values than it takes.
    """
    return {
        name: _checked_format(name, formats)
        for name in modality_names(modalities)
    }


def _checked_format(name: str, formats: Mapping[str, Mapping]) -> dict:
    if name not in formats:
        raise ValueError(
            f"unknown modality '{name}'; this data set has {list(formats)}, "
            f'more are described by `formats=dict({name}=dict(folder=..., '
            'suffix=...))`'
        )
    form = formats[name]
    unknown = set(form) - set(FORMAT_KEYS)
    if unknown or not {'folder', 'suffix'} <= set(form):
        raise ValueError(
            f"the format of '{name}' takes {list(FORMAT_KEYS)}, 'folder' and "
            f"'suffix' always, got {list(form)}; check `formats`"
        )
    _check_places(f'formats.{name}', form)
    dtype = form.get('dtype', 'uint8')
    if not isinstance(dtype, (str, type, np.dtype)):
        raise TypeError(
            f"`formats.{name}.dtype` takes a dtype such as 'uint16', got "
            f'{dtype!r}'
        )
    check_format(name, form)
    return dict(form)


def _check_places(key: str, form: Mapping[str, Any]) -> None:
    folder = form['folder']
    if isinstance(folder, (list, tuple)) and folder:
        for one in folder:
            text(f'{key}.folder', one)
    else:
        text(f'{key}.folder', folder)
    text(f'{key}.suffix', form['suffix'], may_be_empty=True)

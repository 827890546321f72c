"""Checks of what data sets are configured with, before they read anything."""

import inspect
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmseg.datasets import BaseSegDataset

from mmseg_missing.values import VOID, flag, listed, whole

FLAGS = ('test_mode', 'serialize_data', 'lazy_init', 'reduce_zero_label')
# Of MMSegmentation's data sets of one image each, without a meaning here.
UNUSED = ('ann_file', 'img_suffix', 'data_prefix', 'filter_cfg')
# No file system takes more in a path, or in a name between slashes.
MOST_BYTES, MOST_BYTES_OF_NAME = 4096, 255


def text(key: str, value: Any, may_be_empty: bool = False) -> str:
    """Return a text, such as a name or a path, of one line.

    Raises:
        TypeError: something else.
        ValueError: an empty one, or one that no path can hold.
    """
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str):
        raise TypeError(f'`{key}` takes a text, got {value!r}')
    if not (may_be_empty or value.strip()):
        raise ValueError(f'`{key}` takes a text, got an empty one')
    data = value.encode(errors='replace')
    is_long = max(map(len, data.split(b'/'))) > MOST_BYTES_OF_NAME
    if set(data) & set(b'\0\n\r') or is_long or len(data) > MOST_BYTES:
        raise ValueError(
            f'`{key}` takes a text that can be the name of a file, got '
            f'{value[:80]!r}'
        )
    return value


def check_choice(
    owner: str, key: str, value: Any, choices: Collection
) -> None:
    """Raise ``ValueError`` where ``value`` is none of ``choices``."""
    if not any(type(c) is type(value) and c == value for c in choices):
        raise ValueError(
            f'`{key}` of {owner} must be one of {list(choices)}, got {value!r}'
        )


def check_source(
    owner: str,
    data_root: Any,
    split: Any,
    splits: Collection[str],
    labelled: Any,
) -> None:
    """Check what every data set with a published layout takes.

    Raises:
        TypeError: a value of another kind.
        ValueError: another split.
    """
    text('data_root', data_root)
    check_choice(owner, 'split', split, splits)
    flag('labelled', labelled)


def modality_names(modalities: Sequence[str | Mapping]) -> list[str]:
    """Return the names in stack order.

    Raises:
        TypeError: no list of names or dicts.
        ValueError: none, a dict without a name, or a name twice.
    """
    names = []
    for entry in listed('modalities', modalities, (str, Mapping)):
        if isinstance(entry, Mapping) and 'name' not in entry:
            raise ValueError(
                f'`modalities` has an entry without `name`: {dict(entry)}'
            )
        name = entry if isinstance(entry, str) else entry['name']
        names.append(text('modalities.name', name))
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f'`modalities` needs one or more, every name once, got {names}'
        )
    return names


def check_columns(columns: Any) -> None:
    """Raise for what are no two columns, the first and the end."""
    if columns is None:
        return
    numbers = [whole('columns', n, 0) for n in listed('columns', columns)]
    if len(numbers) != 2 or numbers[0] >= numbers[1]:
        raise ValueError(
            '`columns` takes the first column and the one after the last, '
            f'got {numbers}'
        )


def check_base_options(
    owner: str, options: Mapping[str, Any], samples: int
) -> None:
    """Check what a data set with so many samples hands on.

    Raises:
        TypeError: a key that it does not have, or a value of another kind.
        ValueError: a value that cannot work.
    """
    known = inspect.signature(BaseSegDataset.__init__).parameters
    for key in options:
        if key not in known or key in UNUSED:
            raise TypeError(f'{owner} takes no `{key}`; leave it out')
    for key in FLAGS:
        if key in options:
            flag(key, options[key])
    if 'max_refetch' in options:
        whole('max_refetch', options['max_refetch'], 0)
    if options.get('ignore_index', VOID) != VOID:
        raise ValueError(
            f'`ignore_index` of {owner} is {VOID} in labels, got '
            f'{options["ignore_index"]!r}; leave it out'
        )
    if 'seg_map_suffix' in options:
        text('seg_map_suffix', options['seg_map_suffix'], may_be_empty=True)
    indices = options.get('indices')
    if indices is None:
        return
    if isinstance(indices, int):
        whole('indices', indices, 1, samples)
        return
    for index in listed('indices', indices):
        whole('indices', index, 0, samples - 1)
    if not indices:
        raise ValueError('`indices` is empty; it needs a number per sample')


def check_pipeline(pipeline: Any) -> None:
    """Raise for what is no list of steps."""
    for step in listed('pipeline', pipeline):
        if isinstance(step, Mapping):
            if not isinstance(step.get('type'), (str, type)):
                raise TypeError(
                    f'`pipeline` has a step without `type`: {dict(step)}'
                )
        elif not callable(step):
            raise TypeError(f'`pipeline` has a wrong step: {step!r}')

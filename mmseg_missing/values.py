"""Checks of single values that users configure.

Each returns the value, or raises with the key that holds it, what was
expected and what came.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

VOID = 255  # the label of a pixel without a class, from file to score
MOST_CLASSES = 256  # that a mask of uint8 holds


def whole(
    key: str, value: Any, least: int | None = None, most: int | None = None
) -> int:
    """Return a whole number as an int; True and 2.0 are none.

    Args:
        key: Where it stands, such as ``model.adapter.rank``.
        value: What stands there.
        least: Smallest value that works; None: any.
        most: Largest value that works; None: any.

    Raises:
        TypeError: no whole number.
        ValueError: out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f'`{key}` takes a whole number, got {value!r}')
    _check_range(key, value, least, most)
    return int(value)


def real(
    key: str,
    value: Any,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """Return a finite number as a float; NaN and infinity are refused.

    Args:
        key: Key under which it stands.
        value: What stands there.
        least: Smallest value that works.
        most: Largest value that works.
        above: It must be larger than this.
        below: It must be smaller than this.

    Raises:
        TypeError: no number.
        ValueError: not finite, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f'`{key}` takes a number, got {value!r}')
    if not math.isfinite(value):
        raise ValueError(f'`{key}` takes a finite number, got {value}')
    number = float(value)
    _check_range(key, number, least, most)
    if above is not None and not number > above:
        raise ValueError(f'`{key}` must be above {above:g}, got {value}')
    if below is not None and not number < below:
        raise ValueError(f'`{key}` must be below {below:g}, got {value}')
    return number


def probability(key: str, value: Any) -> float:
    """Return a number from 0 to 1; raises as :func:`real`."""
    return real(key, value, least=0, most=1)


def flag(key: str, value: Any) -> bool:
    """Return True or False.

    Raises:
        TypeError: something else, a number or a word included.
    """
    if not isinstance(value, bool):
        raise TypeError(f'`{key}` takes True or False, got {value!r}')
    return value


def choice(key: str, value: Any, known: Collection[Any]) -> Any:
    """Return one of ``known``.

    Raises:
        ValueError: something else.
    """
    if isinstance(value, (Mapping, list, set)) or value not in known:
        raise ValueError(
            f'`{key}` takes one of {", ".join(map(str, known))}, got {value!r}'
        )
    return value


def listed(
    key: str, value: Any, kind: type | tuple[type, ...] = object
) -> list[Any]:
    """Return the entries of a list or tuple, each of one kind.

    Raises:
        TypeError: no list (a text is none), or an entry of another kind.
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise TypeError(f'`{key}` takes a list, got {value!r}')
    for entry in value:
        if not isinstance(entry, kind):
            raise TypeError(f'`{key}` has a wrong entry: {entry!r}')
    return list(value)


def data_sets(config: Any) -> list[Any]:
    """Return the configs of the data sets in one, all but their wrappers.

    Args:
        config: Config of a data set, or of what wraps one (``RepeatDataset``)
            or several (``ConcatDataset``), at any depth.
    """
    if not isinstance(config, Mapping):
        return [config]
    inner = config.get('dataset') or config.get('datasets')
    if not isinstance(inner, (Mapping, list, tuple)) or not inner:
        return [config]
    parts = [inner] if isinstance(inner, Mapping) else inner
    return [found for part in parts for found in data_sets(part)]


def settings(key: str, value: Any) -> dict[str, Any]:
    """Return a copy of a dict of settings.

    Raises:
        TypeError: no dict, or one with other keys than words.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f'`{key}` takes a dict, got {value!r}')
    for name in value:
        if not isinstance(name, str):
            raise TypeError(f'`{key}` has a key that is no word: {name!r}')
    return dict(value)


def part(key: str, value: Any) -> dict[str, Any]:
    """Return a copy of a config ``dict(type=..., ...)`` of some part.

    Raises:
        TypeError: no dict, or one without a type.
    """
    config = settings(key, value)
    if not isinstance(config.get('type'), (str, type)):
        raise TypeError(f'`{key}` takes a dict with a `type`, got {value!r}')
    return config


@contextmanager
def naming(key: str) -> Iterator[None]:
    """Within this block every error of what others wrote names ``key``.

    A sentence that names a key already stays as it is.

    Raises:
        TypeError: in the place of such an error.
        ValueError: in the place of any other.
    """
    try:
        yield
    except (OSError, ImportError):  # of files and packages, not of values
        raise
    except Exception as error:
        text = str(error)
        if isinstance(error, (ValueError, TypeError)) and '`' in (
            # A registry puts the class that it builds in such quotes too.
            re.sub(r'class `[^`]*`', '', text)
        ):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f'`{key}` cannot be built, {first_line(error)}; check its keys'
        ) from error


@contextmanager
def expecting(what: str, remedy: str) -> Iterator[None]:
    """Within this block, content of another kind ends in a sentence.

    A sentence that holds the remedy already stays as it is.

    Args:
        what: What the content should be, such as ``a report of a test``.
        remedy: What the user can do.

    Raises:
        ValueError: in the place of whatever the content led to.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, ValueError) and remedy in str(error):
            raise
        raise ValueError(
            f'expected {what}, got something else ({first_line(error)}); '
            f'{remedy}'
        ) from error


def first_line(error: BaseException) -> str:
    """Return the class of an error and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return ': '.join([type(error).__name__, *lines[:1]])


def void_label(key: str, value: Any) -> int:
    """Return the label of pixels without a class, which is one everywhere.

    Raises:
        ValueError: another number.
    """
    if isinstance(value, bool) or value != VOID:
        raise ValueError(
            f'`{key}` must be {VOID}, which data sets and padding give to '
            f'pixels without a class, got {value!r}; where 0 in the files '
            'means that there is none, set `reduce_zero_label=True` of the '
            'data set'
        )
    return VOID


def _check_range(
    key: str, value: Any, least: float | None, most: float | None
) -> None:
    if least is not None and value < least:
        raise ValueError(f'`{key}` must be at least {least:g}, got {value}')
    if most is not None and value > most:
        raise ValueError(f'`{key}` must be at most {most:g}, got {value}')

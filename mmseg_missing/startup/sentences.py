"""What an error says to a user, in one line."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from urllib.error import URLError

import torch

# Raised with words for a user; all else is an operation that failed.
USER_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    OSError,
    RuntimeError,
    ImportError,
)
OWN_FAULTS = (NotImplementedError, RecursionError, UnicodeError)
OUT_OF_MEMORY = (MemoryError, torch.cuda.OutOfMemoryError)
MMENGINE_FOUND_NO_FILE = 'can not be found.'
PACKAGE = str(Path(__file__).parents[1])
DEBUG = (
    'if this is no mistake in the config or the files, it is one of this '
    'package: MMSEG_MISSING_DEBUG=1 shows where'
)


def last_line(error: BaseException) -> str:
    """Return what an error says, in one line.

    An error without words for a user ('inputs', "'int' object is not
    iterable") is named, and completed by what to do.
    """
    if isinstance(error, OUT_OF_MEMORY):
        return (
            'there is not enough memory; take a smaller `batch_size` or '
            f'smaller images ({_words(error)})'
        )
    text = _words(error)
    if isinstance(error, URLError) or text.endswith(MMENGINE_FOUND_NO_FILE):
        return (
            f'weights to start from: {text.rstrip(".")}; check `init_cfg` of '
            'the backbone (None: random weights) and `load_from`'
        )
    return text if is_sentence(error) else f'{_named(error)}; {DEBUG}'


def is_sentence(error: BaseException) -> bool:
    """Say whether an error was raised with words for a user.

    That is, by a ``raise`` with some text, not by an operation that failed.
    """
    if isinstance(error, OWN_FAULTS) or not isinstance(error, USER_ERRORS):
        return False
    if isinstance(error, OSError) and error.filename is not None:
        return True
    text = str(error.args[0]) if error.args else ''
    if 'Traceback (most' in text:
        return _was_raised(_frames(text)[-1]) and ' ' in _words(error)
    is_raised = error.__traceback__ is None or _was_raised(
        _source(_innermost(error.__traceback__))
    )
    return is_raised and ' ' in text.strip()


@contextmanager
def naming_section(section: str, config: str | Path | None) -> Iterator[None]:
    """Let errors of this block say which section of the config they are of.

    Those that this package raises with a sentence stay as they are.

    Raises:
        ValueError: in place of others.
    """
    try:
        yield
    except OUT_OF_MEMORY:
        raise
    except Exception as error:
        if isinstance(error, OSError) or _is_own(error):
            raise
        name = repr(str(config)) if config else 'the config'
        text = _words(error) if is_sentence(error) else _named(error)
        raise ValueError(
            f'{name}, `{section}`: {text}; check this section'
        ) from error


def _is_own(error: Exception) -> bool:
    frame = _innermost(error.__traceback__).tb_frame
    return is_sentence(error) and frame.f_code.co_filename.startswith(PACKAGE)


def _words(error: BaseException) -> str:
    """Return the text of an error, in one line, a worker's traceback cut."""
    is_key = isinstance(error, KeyError) and error.args
    text = str(error.args[0] if is_key else error)
    if 'Traceback (most' in text:
        text = _unwrapped(text)
    if isinstance(error, TypeError) and '.__init__() ' in text:
        text += '; check its keys in the config'
    return ' '.join(text.split()) or type(error).__name__


def _named(error: BaseException) -> str:
    """Return the text after the kind of error, which it may need."""
    kind, text = type(error).__name__, _words(error)
    wrapped = re.match(r'Caught (\w+) in DataLoader', str(error.args[:1])[2:])
    kind = wrapped.group(1) if wrapped else kind
    return kind if text == kind else f'{kind}: {text}'


def _frames(text: str) -> list[str]:
    """Return the lines of code in a traceback's text."""
    lines = [line.strip() for line in text.splitlines() if line[:4] == '    ']
    return [line for line in lines if line.strip('^~ ')] or ['']


def _unwrapped(text: str) -> str:
    """Return what a loader worker's error says after its traceback."""
    lines = text.rstrip().splitlines()
    frames = [i for i, line in enumerate(lines) if line.startswith('  ')]
    kind, _, said = '\n'.join(lines[frames[-1] + 1 :]).partition(': ')
    # Only the message of a KeyError stands in quotes.
    return said[1:-1] if kind == 'KeyError' else said or kind


def _innermost(traceback: TracebackType) -> TracebackType:
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback


def _source(traceback: TracebackType) -> str:
    code = traceback.tb_frame.f_code
    return linecache.getline(code.co_filename, traceback.tb_lineno).strip()


def _was_raised(line: str) -> bool:
    return line.startswith('raise')

"""How every command ends: in order, or with one line and exit code 2."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path

from ..compat import require_stack

require_stack()

from mmengine.dist import is_main_process  # noqa: E402
from rich.console import Console  # noqa: E402

from ..startup.config_files import short_name  # noqa: E402
from ..startup.sentences import last_line  # noqa: E402

DOOR = 'mmseg-missing'


def run_tool(main: Callable[[], None]) -> None:
    """Run ``main``; what goes wrong gives one line on stderr and exit 2.

    A ``KeyboardInterrupt`` may carry what is left of the work.
    ``MMSEG_MISSING_DEBUG=1`` in the environment keeps the traceback.
    """
    try:
        copy_context().run(main)
    except KeyboardInterrupt as error:
        said = error.args[0] if error.args else 'start it again'
        _end(f'interrupted; {said}')
    except Exception as error:
        if os.environ.get('MMSEG_MISSING_DEBUG'):
            raise
        _end(last_line(error))


@contextmanager
def saying(left: str | Callable[[], str]) -> Iterator[None]:
    """Let Ctrl-C in this block say what is left of the work.

    Args:
        left: Such as ``nothing was written``, or what tells it then.
    """
    try:
        yield
    except KeyboardInterrupt:
        said = left if isinstance(left, str) else left()
        raise KeyboardInterrupt(said) from None


def say(text: str) -> None:
    """Print sentences in lines that fit a terminal; paths stay whole."""
    for line in text.splitlines():
        print(
            textwrap.fill(
                line, 79, break_long_words=False, break_on_hyphens=False
            )
        )


def say_next(*arguments: object, why: str = '') -> None:
    """Print the command that a user may run next, on a line of its own.

    Args:
        *arguments: The verb and what follows it; None is left out.
        why: What it does, in a few words.
    """
    if is_main_process():
        words = f'next, {why}:' if why else 'next:'
        print(f'{words}\n  {command(*arguments)}', flush=True)


def command(*arguments: object) -> str:
    """Return a command line of this project as a shell takes it.

    Configs are named as shortly as they are found. Where the command is not
    on the path, it is called as it was this time.
    """
    door = [DOOR]
    if shutil.which(DOOR) is None:
        this, python = Path(sys.argv[0]), os.path.relpath(sys.executable)
        python = min(python, sys.executable, key=len)
        is_door = this.name == DOOR
        door = [str(this)] if is_door else [python, '-m', 'mmseg_missing']
    given = [short_name(str(a)) for a in arguments if a is not None]
    return shlex.join([*door, *given])


def _end(message: str) -> None:
    if sys.stderr.isatty():
        Console(stderr=True).show_cursor()  # a progress bar hides it
    print(f'error: {printable(message)}', file=sys.stderr)
    sys.exit(2)


def printable(text: str) -> str:
    """Return ``text`` without what steers a terminal, lines kept apart."""
    return ''.join(c if c.isprintable() or c == '\n' else '?' for c in text)

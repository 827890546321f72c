"""How a tool ends: one line and exit code 2 for a user's mistake."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

USER_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    OSError,
    RuntimeError,
    ImportError,
)


def run_tool(main: Callable[[], None]) -> None:
    """Run ``main``; a user's mistake gives one line on stderr and exit 2.

    ``MMSEG_MISSING_DEBUG=1`` in the environment keeps the traceback.
    """
    try:
        main()
    except KeyboardInterrupt:
        _end('interrupted; the last checkpoint stays, continue with --resume')
    except USER_ERRORS as error:
        if os.environ.get('MMSEG_MISSING_DEBUG'):
            raise
        _end(last_line(error))


def last_line(error: BaseException) -> str:
    """Return what an error says, in one line.

    Errors of loader workers and of MMEngine's registries arrive wrapped in a
    traceback: its last line is the sentence.
    """
    if isinstance(error, KeyError) and error.args:
        text = str(error.args[0])
    else:
        text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[-1] if 'Traceback' in text else ' '.join(lines)
    return line or type(error).__name__


def _end(message: str) -> None:
    print(f'error: {message}', file=sys.stderr)
    sys.exit(2)

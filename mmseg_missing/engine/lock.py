"""One training per work folder."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NoReturn

LOCK = 'train.lock'


# Where a launcher writes which of its processes this one is.
RANKS = {
    'pytorch': 'RANK',
    'slurm': 'SLURM_PROCID',
    'mpi': 'OMPI_COMM_WORLD_RANK',
}


def is_first_process(launcher: str) -> bool:
    """Say whether this process is alone or rank 0, before they meet.

    >>> is_first_process('none')
    True
    """
    return os.environ.get(RANKS.get(launcher, ''), '0') == '0'


@contextmanager
def locked(folder: str | Path, is_first: bool = True) -> Iterator[None]:
    """Keep other trainings out of ``folder`` for one block.

    Who holds the folder stands in ``train.lock``: process, its start, host.
    What a process left that is dead by now, on this host, is taken over.

    Args:
        folder: The work folder.
        is_first: Whether this is the first process of its training.

    Raises:
        ValueError: another training is in this folder.
        OSError: the folder cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, locked(folder):
    ...     len(list(Path(folder).iterdir()))
    1
    """
    if not is_first:
        yield
        return
    path, mine = Path(folder) / LOCK, _this_process()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _opened(path) as file:
        holder = _holder(file)
        if holder and _may_live(holder):
            raise ValueError(_refusal(path, holder))
        file.seek(0)
        file.truncate()
        file.write(json.dumps(mine))
    try:
        with _ending_orderly():
            yield
    finally:
        if path.is_file():
            with _opened(path) as file:
                if _holder(file) == mine:
                    path.unlink()


@contextmanager
def _ending_orderly() -> Iterator[None]:
    """Let SIGTERM, by which clusters end a job, release the folder.

    The job may go on at another host, which cannot see who is dead here.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """Give the file while nobody else on this host looks at it."""
    while True:
        with path.open('a+', encoding='utf-8') as file:
            with suppress(OSError):  # some network folders have no flock
                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(path, file):
                yield file
                return


def _is_at(path: Path, file: IO[str]) -> bool:
    """Say whether nobody removed the file between opening and locking."""
    try:
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _holder(file: IO[str]) -> dict:
    """Return who is in the file; nobody, if a process died writing it."""
    file.seek(0)
    text = file.read()
    try:
        holder = json.loads(text or '{}')
        return {key: holder[key] for key in holder and _this_process()}
    except (ValueError, KeyError, TypeError):
        return {}


def _this_process() -> dict:
    pid = os.getpid()
    return {'pid': pid, 'host': socket.gethostname(), 'start': _start(pid)}


def _may_live(holder: dict) -> bool:
    """Say whether the process may still run; elsewhere nobody can tell."""
    if holder['host'] != socket.gethostname():
        return True
    pid = holder['pid']
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # A number is used again: this one may be another process by now.
    return _start(pid) == holder['start']


def _start(pid: int) -> str:
    """Return when a process began, where the system tells."""
    try:
        text = Path(f'/proc/{pid}/stat').read_text(encoding='utf-8')
    except OSError:
        return ''
    return text.rpartition(')')[-1].split()[19]


def _refusal(path: Path, holder: dict) -> str:
    return (
        f'another training (process {holder["pid"]} on {holder["host"]}) '
        f'is in {str(path.parent)!r}; take another `--work-dir`, or remove '
        f'{str(path)!r} if that process is dead'
    )

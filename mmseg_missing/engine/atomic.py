"""Files that are there whole or not at all, whenever a process dies."""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

ATOMIC = 'atomic'


def write_atomically(path: str | Path, data: bytes | str) -> None:
    """Write a file beside its place, then put it there.

    A process that is killed meanwhile leaves the former file, and perhaps
    ``<path>.part``, which the next one to write overwrites.

    Raises:
        OSError: the file cannot be written.
    """
    part = f'{path}.part'
    try:
        with open(part, 'wb') as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            # A crash of the machine must not leave a new name for no content.
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        Path(part).unlink(missing_ok=True)
        raise


@register_backend(ATOMIC, force=True)
class AtomicBackend(LocalBackend):
    """MMEngine's local files, written atomically."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes; the folder is made where there is none."""
        Path(filepath).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(filepath, obj)

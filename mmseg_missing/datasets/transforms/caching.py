"""Keep decoded files, for reading them again without decoding."""

import hashlib
import os
from pathlib import Path

import numpy as np

from .reading import read_array


class CachedReader:
    """:func:`read_array` that decodes a file once and keeps the array.

    One ``.npy`` file per source, named by its path, size and time of change:
    a changed source is decoded again. Workers, processes and later runs
    share the folder; one in ``/dev/shm`` keeps everything in memory. It
    grows to the size of all decoded files.

    Args:
        folder: where the arrays lie; made if it is not there.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def __call__(self, path: str | Path) -> np.ndarray:
        """Return (H, W, C), as :func:`read_array` does."""
        if not Path(path).is_file():
            return read_array(path)  # which says what is wrong
        kept = self.folder / self._name(Path(path))
        try:
            return np.load(kept, allow_pickle=False)
        except (OSError, ValueError, EOFError):  # absent, or cut
            array = read_array(path)
            self._keep(array, kept)
            return array

    def _name(self, path: Path) -> str:
        stat = path.stat()
        key = f'{path.resolve()} {stat.st_size} {stat.st_mtime_ns}'
        return f'{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy'

    def _keep(self, array: np.ndarray, kept: Path) -> None:
        """Write at once or not at all: others read meanwhile."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f'.{os.getpid()}.part')
        try:
            with open(part, 'wb') as file:
                np.save(file, array, allow_pickle=False)
            os.replace(part, kept)
        finally:
            part.unlink(missing_ok=True)

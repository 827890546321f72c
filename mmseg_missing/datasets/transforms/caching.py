"""Keep decoded files, for reading them again without decoding."""

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .reading import VERSIONS, read_array


class CachedReader:
    """:func:`read_array` that decodes a file once and keeps the array.

    One ``.npy`` file per source, named by all that it was computed from:
    path, size and time of change of the source, the reader with its options
    and the decoders' versions. What changed is decoded again. Workers,
    processes and later runs share the folder; one in ``/dev/shm`` keeps
    everything in memory. It grows to the size of all decoded files.

    Args:
        folder: where the arrays lie; made if it is not there.
        read: from a path to (H, W, C).
        **options: of ``read``.
    """

    def __init__(
        self,
        folder: str | Path,
        read: Callable[..., np.ndarray] = read_array,
        **options: Any,
    ) -> None:
        self.folder = Path(folder)
        self.read = partial(read, **options)
        self.key = f'{read.__name__} {sorted(options.items())} {VERSIONS}'

    def __call__(self, path: str | Path) -> np.ndarray:
        """Return (H, W, C), as ``read`` does."""
        if not Path(path).is_file():
            return self.read(path)  # which says what is wrong
        kept = self.folder / self._name(Path(path))
        try:
            return np.load(kept, allow_pickle=False)
        except (OSError, ValueError, EOFError):  # absent, or cut
            array = self.read(path)
            self._keep(array, kept)
            return array

    def _name(self, path: Path) -> str:
        stat = path.stat()
        file = f'{path.resolve()} {stat.st_size} {stat.st_mtime_ns}'
        key = f'{self.key} {file}'
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


def reader(
    cache_dir: str | Path | None,
    read: Callable[..., np.ndarray],
    **options: Any,
) -> Callable[[str | Path], np.ndarray]:
    """Return ``read`` with its options, cached where there is a folder.

    Raises:
        TypeError: ``cache_dir`` is no path.
    """
    if cache_dir is None:
        return partial(read, **options)
    if not cache_dir or not isinstance(cache_dir, (str, Path)):
        raise TypeError(f'`cache_dir` takes a folder, got {cache_dir!r}')
    return CachedReader(cache_dir, read, **options)

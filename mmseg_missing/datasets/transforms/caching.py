"""Keep decoded files, for reading them again without decoding."""

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmseg_missing.remote import Remote, located

from .reading import VERSIONS, nodata_of, read_array


class CachedReader:
    """:func:`read_array` that decodes a file once and keeps the array.

    One ``.npy`` file per source, named by all that it was computed from:
    path, size and time of change of the source, the reader with its options
    and the decoders' versions. What changed is decoded again, but of a
    source elsewhere only the address counts, so that nothing is fetched.
    Workers, processes and later runs share the folder; one in ``/dev/shm``
    keeps everything in memory. It grows to the size of all decoded files.

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

    def __call__(self, path: str | Path | Remote) -> np.ndarray:
        """Return (H, W, C), as ``read`` does."""
        path = located(path)
        if isinstance(path, Path) and not path.is_file():
            return self.read(path)  # which says what is wrong
        kept = self.folder / self._name(path)
        try:
            return np.load(kept, allow_pickle=False)
        except (OSError, ValueError, EOFError):  # absent, or cut
            array = self.read(path)
            self._keep(array, kept)
            return array

    def _name(self, path: Path | Remote) -> str:
        if isinstance(path, Remote):
            file = f'{path} {sorted(path.backend_args.items())}'
        else:
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
) -> Callable[[str | Path | Remote], np.ndarray]:
    """Return ``read`` with its options, cached where there is a folder.

    Raises:
        TypeError: ``cache_dir`` is no path.
    """
    if cache_dir is None:
        return partial(read, **options)
    if not cache_dir or not isinstance(cache_dir, (str, Path)):
        raise TypeError(f'`cache_dir` takes a folder, got {cache_dir!r}')
    return CachedReader(cache_dir, read, **options)


class NodataReader:
    """:func:`nodata_of` that fetches no file whose array is kept already.

    Args:
        cache_dir: as in :func:`reader`.
    """

    def __init__(self, cache_dir: str | Path | None) -> None:
        self.read = reader(cache_dir, declared_nodata)

    def __call__(self, path: str | Path | Remote) -> float | None:
        """Return the value that a file declares to mean "no data"."""
        if not isinstance(path, Remote):
            return nodata_of(path)  # some bytes of a local file
        return next(iter(self.read(path).tolist()), None)


def declared_nodata(path: Remote) -> np.ndarray:
    """Return (1,), or (0,) where the file declares nothing."""
    value = nodata_of(path)
    return np.array([] if value is None else [value])

"""Files that lie elsewhere, read as those on this disk are.

A local path is a ``pathlib.Path``, as ever. What has a prefix (``s3://``,
``http://``, one that a user registered) or comes with ``backend_args`` goes
through MMEngine's ``fileio``; a :class:`Remote` has the few methods of a
``Path`` that reading needs, so nobody has to ask which of the two it is.
"""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from mmengine.fileio import get_file_backend
from mmengine.fileio.backends import backends

GONE = (404, 410)


def is_address(path: Any) -> bool:
    """Say whether a path names a place by its prefix, as ``s3://`` does."""
    return isinstance(path, Remote) or '://' in str(path)


def located(
    path: str | Path | Remote, backend_args: Mapping[str, Any] | None = None
) -> Path | Remote:
    """Return what reads a path.

    Args:
        path: Path of a file or folder, or its address.
        backend_args: Arguments of MMEngine's file backend, as
            ``dict(backend='petrel', path_mapping={'data/': 's3://bucket/'})``;
            None: what the prefix of the path says.

    Raises:
        TypeError: ``backend_args`` is no dict.
        ValueError: no such backend.
    """
    if isinstance(path, Remote):
        return path
    if backend_args is not None:
        backend_args = checked_backend(backend_args)
    if backend_args is not None or '://' in str(path):
        return Remote(str(path), backend_args)
    return path if isinstance(path, Path) else Path(path)


def checked_backend(
    backend_args: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """Return ``backend_args``, None where they say what None does.

    Raises:
        TypeError: no dict.
    """
    if backend_args is None:
        return None
    if not isinstance(backend_args, Mapping):
        raise TypeError(
            "`backend_args` takes a dict such as dict(backend='petrel'), got "
            f'{backend_args!r}'
        )
    args = dict(backend_args)
    return None if args in ({}, {'backend': 'local'}) else args


class Remote:
    """A file or folder behind one of MMEngine's file backends.

    It keeps what it read, for whoever asks next; a new one reads anew.

    Args:
        address: Address with a prefix, or a path that the backend knows.
        backend_args: Arguments as in :func:`located`.

    Raises:
        ValueError: no such backend.
    """

    def __init__(
        self, address: str, backend_args: Mapping[str, Any] | None = None
    ) -> None:
        self.address = address
        self.backend_args = dict(backend_args or {})
        self._content: bytes | None = None
        _ = self._backend

    @property
    def _backend(self) -> Any:
        # MMEngine makes one for each `backend_args`, in each process.
        try:
            return get_file_backend(
                self.address,
                backend_args=self.backend_args,
                enable_singleton=True,
            )
        except (KeyError, TypeError, ValueError) as error:
            known = [name for name in backends if name != 'local']
            raise ValueError(
                f'no file backend of MMEngine takes {self.address!r} with '
                f'`backend_args={self.backend_args or None}` ({error}); there '
                f'are {", ".join(known)}, and those that your `custom_imports`'
                ' register'
            ) from error

    def __str__(self) -> str:
        return self.address

    def __repr__(self) -> str:
        return f'Remote({self.address!r})'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, str]:
        return self.address, repr(sorted(self.backend_args.items()))

    def __truediv__(self, part: str) -> Path | Remote:
        if '://' not in str(part):
            part = posixpath.join(self.address, str(part))
        return located(part, self.backend_args)

    @property
    def name(self) -> str:
        """What stands behind the last slash."""
        return posixpath.basename(self.address)

    @property
    def suffix(self) -> str:
        """The end of the name from its last dot on."""
        return Path(self.name).suffix

    @property
    def parent(self) -> Path | Remote:
        """The folder that it lies in."""
        return located(posixpath.dirname(self.address), self.backend_args)

    def is_file(self) -> bool:
        """Say whether it can be read; a backend that cannot tell reads."""
        if self._content is not None:
            return True
        try:
            return bool(self._backend.isfile(self.address))
        except (AttributeError, NotImplementedError):
            pass
        try:
            self.read_bytes()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Say whether it is a folder; True where the backend cannot tell."""
        try:
            return bool(self._backend.isdir(self.address))
        except (AttributeError, NotImplementedError):
            return True

    @property
    def is_listed(self) -> bool:
        """Whether its backend can say what a folder holds."""
        return hasattr(self._backend, 'list_dir_or_file')

    def below(self) -> Iterator[str]:
        """Yield the paths of visible files below it, relative and sorted.

        Raises:
            ValueError: its backend cannot say.
        """
        if not self.is_listed:
            raise ValueError(
                f"{type(self._backend).__name__} cannot say what '{self}' "
                'holds; give `names` or a `manifest` to the data set'
            )
        found = self._backend.list_dir_or_file(
            self.address, list_dir=False, recursive=True
        )
        for file in sorted(found):
            if not any(part.startswith('.') for part in file.split('/')):
                yield file

    def read_bytes(self) -> bytes:
        """Return the content, which is fetched once.

        Raises:
            FileNotFoundError: there is no such file.
            OSError: it cannot be read, for whatever reason of the backend.
        """
        if self._content is None:
            self._content = self._fetched()
        return self._content

    def _fetched(self) -> bytes:
        try:
            found = self._backend.get(self.address)
        except FileNotFoundError:
            found = None
        except ImportError:  # says what to install
            raise
        except Exception as error:  # each backend fails in its own way
            if not isinstance(error, HTTPError) or error.code not in GONE:
                raise OSError(
                    errno.EIO, f'{type(error).__name__}: {error}', str(self)
                ) from error
            found = None
        if found is None:
            raise FileNotFoundError(
                errno.ENOENT, 'there is no such file', str(self)
            )
        return bytes(found)

    def read_text(self, encoding: str = 'utf-8') -> str:
        """Return the content as text; raises as reading bytes."""
        return self.read_bytes().decode(encoding)

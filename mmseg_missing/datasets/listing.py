"""Samples as files in folders that share their names."""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmseg_missing.remote import Remote, located
from mmseg_missing.values import listed

from .manifest import LABEL, LeftOutWarning, Row, read_text
from .options import text


def folder_rows(
    data_root: str,
    formats: Mapping[str, Mapping[str, str]],
    names: Sequence[str] | str | None = None,
    backend_args: Mapping[str, Any] | None = None,
) -> list[Row]:
    """Return a row per name: ``<folder>/<name><suffix>`` for each kind.

    Where there is no such file, a suffix in other letters will do
    (``1.PNG`` for ``.png``).

    Args:
        data_root: folder that the folders are relative to.
        formats: ``folder`` and ``suffix`` of each modality, and of the label
            if there are labels.
        names: of the samples, or a list file below ``data_root``; default:
            what has a label or, without labels, any modality.
        backend_args: of MMEngine's file backend.

    Raises:
        FileNotFoundError: a folder or the list is not there.
        ValueError: no names, or names that fit no file of some kind.
    """
    root = located(data_root, backend_args)
    for kind, form in formats.items():
        if not (root / form['folder']).is_dir():
            raise FileNotFoundError(
                f"'{root}' has no folder '{form['folder']}' for '{kind}'; "
                'check `data_root` and '
                f'`formats=dict({kind}=dict(folder=...))`{_or_dead(kind)}'
            )
    if names is None:
        names = _found_names(root, formats)
    elif isinstance(names, (str, Path)):
        names = _listed_names(root / names)
    else:
        names = [text('names', name) for name in listed('names', names)]
        if not names:
            raise ValueError('`names` is empty; it needs a name per sample')
    paths = {
        kind: _paths(root / form['folder'], names, form['suffix'])
        for kind, form in formats.items()
    }
    rows = [dict(zip(paths, row)) for row in zip(*paths.values())]
    for kind, form in formats.items():
        _check_some_exist(rows, kind, root / form['folder'], backend_args)
    return rows


def _listed_names(list_file: Path | Remote) -> list[str]:
    if not list_file.is_file():
        raise FileNotFoundError(
            f"no list of names '{list_file}'; check `names`, which is "
            'relative to `data_root`'
        )
    lines = map(str.strip, read_text(list_file).splitlines())
    names = [text(f'names of {list_file}', line) for line in lines if line]
    if not names:
        raise ValueError(
            f"'{list_file}' is empty; it needs one name per line, without "
            'suffix'
        )
    return names


def _found_names(
    root: Path | Remote, formats: Mapping[str, Mapping]
) -> list[str]:
    found = {
        kind: set(_files_by_name(root / form['folder'], form['suffix']))
        for kind, form in formats.items()
    }
    every = set().union(*found.values())
    names = found.get(LABEL, every)
    if not names:
        kind = LABEL if LABEL in formats else next(iter(formats))
        folder = root / formats[kind]['folder']
        raise ValueError(
            f"'{folder}' holds no file that ends in "
            f"'{formats[kind]['suffix']}', but {_example(folder)}; check "
            f'`formats=dict({kind}=dict(suffix=...))`'
        )
    beyond = sorted(every - names)
    if beyond:
        warnings.warn(
            f"{len(beyond)} names in '{root}', such as '{beyond[0]}', have no "
            'label and are left out; `names` chooses others, '
            '`labelled=False` takes them without',
            LeftOutWarning,
            stacklevel=2,
        )
    return sorted(names)


def _paths(
    folder: Path | Remote, names: Sequence[str], suffix: str
) -> list[str]:
    """Return the file of each name, there or not."""
    files = [folder / (name + suffix) for name in names]
    is_elsewhere = isinstance(folder, Remote)
    if is_elsewhere and not folder.is_listed:
        return [str(file) for file in files]
    # One look at the whole folder is quicker than one at each file there.
    if is_elsewhere or not all(file.is_file() for file in files):
        found = _files_by_name(folder, suffix)
        files = [folder / found.get(name, name + suffix) for name in names]
    return [str(file) for file in files]


def _files_by_name(folder: Path | Remote, suffix: str) -> dict[str, str]:
    """Return the files that have a suffix, in whatever letters, by name.

    Of several that differ in letters only, the one with the very suffix
    counts, or the first.
    """
    found: dict[str, list[str]] = {}
    for file in files_below(folder):
        if file.lower().endswith(suffix.lower()):
            name = file[: len(file) - len(suffix)]
            found.setdefault(name, []).append(file)
    several = [files for files in found.values() if len(files) > 1]
    if several:
        warnings.warn(
            f"'{folder}' holds {len(several)} names with several files, such "
            f'as {several[0]}, of which one is left out; rename or remove it',
            LeftOutWarning,
            stacklevel=2,
        )
    return {
        name: name + suffix if name + suffix in files else files[0]
        for name, files in found.items()
    }


def _check_some_exist(
    rows: Sequence[Row],
    kind: str,
    folder: Path | Remote,
    backend_args: Mapping[str, Any] | None,
) -> None:
    """Tell names and files that never meet from files that are absent."""
    if not any(located(row[kind], backend_args).is_file() for row in rows):
        raise ValueError(
            f"none of {len(rows)} names has a file for '{kind}': there is no "
            f"'{rows[0][kind]}', but '{folder}' holds {_example(folder)}; "
            'check `names` and '
            f'`formats=dict({kind}=dict(folder=..., suffix=...))`'
            f'{_or_dead(kind)}'
        )


def _or_dead(kind: str) -> str:
    if kind == LABEL:
        return ', or set `labelled=False`'
    return f', or set `formats=dict({kind}=None)` if no sample has it'


def _example(folder: Path | Remote) -> str:
    if isinstance(folder, Remote) and not folder.is_listed:
        return 'what its backend cannot tell'
    return next((f"'{file}'" for file in files_below(folder)), 'nothing')


def files_below(
    folder: Path | Remote,
    top: Path | None = None,
    above: frozenset[str] = frozenset(),
) -> Iterator[str]:
    """Yield the paths of visible files, relative to the first folder.

    Links are followed, but not back into a folder they lie in.
    """
    if isinstance(folder, Remote):
        yield from folder.below()
        return
    top, here = top or folder, os.path.realpath(folder)
    if here in above:
        return
    entries = sorted(
        (entry for entry in os.scandir(folder) if entry.name[0] != '.'),
        key=lambda entry: (entry.is_dir(), entry.name),
    )
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir():
            yield from files_below(path, top, above | {here})
        else:
            yield path.relative_to(top).as_posix()

"""Configs by name, from any folder."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# Beside `configs` in the sources, and in what a wheel carries for mim.
MARK = 'model-index.yml'


def shipped(name: str) -> Path:
    """Return a file or folder that comes with this project.

    Args:
        name: Relative to the root of the sources, as ``configs``.

    Raises:
        FileNotFoundError: this installation lacks it.
    """
    for root in (PACKAGE.parent, PACKAGE / '.mim'):
        if (root / MARK).is_file() and (root / name).exists():
            return root / name
    raise FileNotFoundError(
        f'this installation has no {name}; install the package again'
    )


def find_config(name: str | Path) -> Path:
    """Return the file of a config.

    It is the path as given, or else a name below ``configs`` of the current
    folder, of the sources or of the installed package, in this order. The
    ``.py`` may be left out, and the end of a name, where only one begins so.

    Raises:
        FileNotFoundError: no such config, or several.
    """
    path = Path(name)
    for file in (path, Path(f'{path}.py')):
        if file.is_file():
            return file
    if path.is_absolute() or not path.name:
        raise FileNotFoundError(f'no config file {str(name)!r}')
    folders = list(_folders())
    for folder in folders:
        for file in (folder / path, folder / f'{path}.py'):
            if file.is_file():
                return file
    named: dict[str, Path] = {}
    for file in (f for folder in folders for f in _leaves(folder)):
        named.setdefault(file.stem, file)
    stem = path.name.removesuffix('.py')
    if len(path.parts) == 1:
        begin = [n for n in named if n.startswith(stem)]
        if stem in named or len(begin) == 1:
            return named[stem if stem in named else begin[0]]
    close = difflib.get_close_matches(stem, named, 3, 0.5)
    starting = sorted(n for n in named if n.startswith(stem))[:3]
    raise FileNotFoundError(
        f'no config file {str(name)!r}{_meant(starting or close)}'
    )


def short_name(path: str | Path) -> str:
    """Return the name by which a config is found, or else its path."""
    stem, is_config = Path(path).stem, Path(path).suffix == '.py'
    if is_config and Path(path).parent != Path() and not Path(stem).exists():
        try:
            if find_config(stem).resolve() == Path(path).resolve():
                return stem
        except FileNotFoundError:
            pass
    return str(path)


def _folders() -> Iterator[Path]:
    """Yield where configs lie, each once."""
    seen = set()
    for folder in (
        Path('configs'),
        PACKAGE.parent / 'configs',
        PACKAGE / '.mim' / 'configs',
    ):
        is_ours = not folder.is_absolute() or (folder.parent / MARK).is_file()
        if is_ours and folder.is_dir() and folder.resolve() not in seen:
            seen.add(folder.resolve())
            yield folder


def _leaves(folder: Path) -> Iterator[Path]:
    """Yield the configs that are more than a part of others."""
    for file in sorted(folder.rglob('*.py')):
        if '_base_' not in file.relative_to(folder).parts:
            yield file


def _meant(names: list[str]) -> str:
    if not names:
        return ''
    return f'; did you mean {" or ".join(names)}?'

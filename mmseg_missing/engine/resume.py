"""Where a run goes on, and whether it is still the same run."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from mmengine.logging import print_log

POINTER = 'last_checkpoint'
NUMBERED = re.compile(r'(?!best_).*?(\d+)\.pth')

# Keys of a config that change what a run learns, and leaves that do not.
MEANINGFUL = (
    'model',
    'optim_wrapper',
    'param_scheduler',
    'train_cfg',
    'train_dataloader',
    'randomness',
)
MEANINGLESS = {
    'num_workers',
    'persistent_workers',
    'pin_memory',
    'prefetch_factor',
    'val_begin',
    'val_interval',
}
# A checkpoint holds these, and what it holds is what a resumed run takes.
KEPT = (
    'optim_wrapper.optimizer.',
    'optim_wrapper.paramwise_cfg.',
    'param_scheduler.',
    'randomness.seed',
)


def find_checkpoint(folder: str | Path) -> Path | None:
    """Return the checkpoint from which a run in ``folder`` goes on.

    The one that ``last_checkpoint`` names, or else the newest that is whole;
    the log says which and why.

    Returns:
        Its path; None where there is neither a pointer nor a checkpoint.

    Raises:
        ValueError: there were some, and none can be read.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     find_checkpoint(folder) is None
    True
    """
    folder, bad = Path(folder), []
    named = _named(folder)
    if named is not None and not named.is_file():
        bad.append(f'{named.name!r} of `{POINTER}` is gone')
    for path in _candidates(folder, named):
        if is_whole(path):
            if bad:
                _warn(f'{", ".join(bad)}; taking {str(path)!r}')
            return path
        bad.append(f'{path.name!r} cannot be read')
    if bad:
        raise ValueError(
            f'no checkpoint to resume from in {str(folder)!r}: '
            f'{", ".join(bad)}; leave out `--resume` to begin anew'
        )
    return None


def _named(folder: Path) -> Path | None:
    """Return the file that the pointer names, if it names one."""
    pointer = folder / POINTER
    if not pointer.is_file():
        return None
    text = pointer.read_text(errors='replace', encoding='utf-8').strip()
    if not text or not text.isprintable():
        return None
    # A folder may have moved with its files; others lie in `out_dir`.
    beside, there = folder / Path(text).name, Path(text)
    return there if there.is_file() and not beside.is_file() else beside


def _candidates(folder: Path, named: Path | None) -> list[Path]:
    """Return files to resume from, the best first."""
    first = [named] if named is not None and named.is_file() else []
    places = {folder, *(path.parent for path in first)}
    found = [p for place in places for p in place.glob('*.pth')]
    numbers = {p: NUMBERED.fullmatch(p.name) for p in found if p.is_file()}
    others = sorted(
        (p for p, number in numbers.items() if number and p not in first),
        key=lambda p: (int(numbers[p][1]), p.stat().st_mtime),
        reverse=True,
    )
    return [*first, *others]


def is_whole(path: Path) -> bool:
    """Say whether a file of ``torch.save`` has every byte it had.

    Nothing is unpickled: it is an archive with a checksum for each part.
    """
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
            is_saved = any(n.endswith('/data.pkl') for n in names)
            return is_saved and archive.testzip() is None
    except (BadZipFile, OSError, EOFError, ValueError, NotImplementedError):
        return False


def differences(then: str, now: str) -> list[str]:
    """Return a line for each key that differs between two configs.

    Args:
        then: Text of the config in the checkpoint.
        now: Text of the present one.
    """
    try:
        before, after = dict(_leaves(then)), dict(_leaves(now))
    except (SyntaxError, TypeError, ValueError):
        return ['the config in the checkpoint is no Python: not compared']
    lines = []
    for key in dict.fromkeys([*before, *after]):
        was, is_ = before.get(key, 'nothing'), after.get(key, 'nothing')
        if was != is_:
            line = f'resumed with another `{key}`: was {was}, is {is_}'
            if key.startswith(KEPT):
                line += '; a resumed run keeps what it had'
            lines.append(line)
    return lines


def _leaves(text: str) -> Iterator[tuple[str, str]]:
    """Yield meaningful keys of a config text; nothing is executed."""
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign):
            continue
        name = node.targets[0]
        if isinstance(name, ast.Name) and name.id in MEANINGFUL:
            for key, value in _flat(name.id, node.value):
                if key.rpartition('.')[-1] not in MEANINGLESS:
                    yield key, ast.unparse(value)


def _flat(place: str, node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield what stands in dicts and in lists of dicts, with its key."""
    inner: Mapping[Any, ast.AST] = {}
    if isinstance(node, ast.Call):
        inner = {keyword.arg: keyword.value for keyword in node.keywords}
    elif isinstance(node, ast.Dict):
        keys = [ast.unparse(k).strip('\'"') for k in node.keys if k]
        inner = dict(zip(keys, node.values))
    elif isinstance(node, (ast.List, ast.Tuple)):
        if any(isinstance(n, (ast.Call, ast.Dict)) for n in node.elts):
            inner = dict(enumerate(node.elts))
        else:
            node = ast.List(node.elts, ast.Load())  # (1, 2) equals [1, 2]
    for key, value in inner.items():
        yield from _flat(f'{place}.{key}', value)
    if not inner:
        yield place, node


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)

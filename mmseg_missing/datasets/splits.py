"""Which samples a split has, and what a wrong folder is told."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any


def check_choice(
    owner: str, key: str, value: Any, choices: Collection
) -> None:
    """Raise ``ValueError`` where ``value`` is none of ``choices``."""
    if value not in choices:
        raise ValueError(
            f'`{key}` of {owner} must be one of {list(choices)}, got {value!r}'
        )


def listed_names(
    data_root: str,
    split: str,
    list_name: str,
    tree: str,
    carved: bool = False,
) -> list[str]:
    """Return the names of a split that a list file gives.

    Args:
        data_root: folder of the data set.
        split: its name, for :func:`carve` and for errors.
        list_name: the list, below ``data_root``.
        tree: what ``data_root`` must hold, for errors.
        carved: the list is a training list that the split is a part of.

    Raises:
        FileNotFoundError: the list is not there.
        ValueError: the split is empty.
    """
    list_file = Path(data_root, list_name)
    if not list_file.is_file():
        raise FileNotFoundError(wrong_root(data_root, tree, f'no {list_name}'))
    names = read_names(list_file)
    names = carve(names, split) if carved else names
    if not names:
        many = ' (ten or more, so that every tenth makes a val part)'
        raise ValueError(
            f"split '{split}' of '{list_file}' is empty; the list needs one "
            f'name per line{many if carved else ""}'
        )
    return names


def read_names(list_file: str | Path) -> list[str]:
    """Return the file names of a list, without folder and suffix.

    A line may be a bare name or, as in some published lists, paths such as
    ``RGB/0.jpg Label/0.png``, of which the first counts.
    """
    lines = Path(list_file).read_text().splitlines()
    return [Path(line.split()[0]).stem for line in lines if line.strip()]


def carve(names: Sequence[str], split: str, every: int = 10) -> list[str]:
    """Return the part ``split`` of an official training list.

    Every tenth name is ``'val'``, the others are ``'train'``, both together
    ``'trainval'``: so nothing has to be chosen on the test split.
    """
    if split == 'trainval':
        return list(names)
    is_val = [index % every == every - 1 for index in range(len(names))]
    wanted = split == 'val'
    return [n for n, v in zip(names, is_val, strict=True) if v == wanted]


def wrong_root(data_root: str, tree: str, found: str) -> str:
    """Return the sentence for a folder that is not the data set's."""
    return (
        f"'{data_root}' must hold {tree}, got {found}; check `data_root`, see "
        'data/README.md'
    )

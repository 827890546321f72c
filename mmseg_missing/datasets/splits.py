"""Which samples a split has, and what a wrong folder is told."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from mmseg_missing.remote import Remote, located

from .manifest import read_text
from .options import text

# A path, or what `located` made of it with `backend_args`.
Root: TypeAlias = str | Path | Remote

# Where train/ and test/ are folders: which of them a split is (a part of).
PARTS = {'train': 'train', 'val': 'train', 'trainval': 'train', 'test': 'test'}


def check_folders(data_root: Root, folders: Iterable[str], tree: str) -> None:
    """Raise ``FileNotFoundError`` for the first folder that is not there.

    Args:
        data_root: folder of the data set.
        folders: below ``data_root``.
        tree: what ``data_root`` must hold, for the error.
    """
    for folder in folders:
        if not (located(data_root) / folder).is_dir():
            raise FileNotFoundError(
                wrong_root(data_root, tree, f'no {folder}/')
            )


def listed_names(
    data_root: Root,
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
    list_file = located(data_root) / list_name
    if not list_file.is_file():
        raise FileNotFoundError(wrong_root(data_root, tree, f'no {list_name}'))
    names = read_names(list_file)
    if carved:
        return _carved(names, split, list_file)
    return _filled(names, split, list_file)


def stored_names(
    data_root: Root,
    split: str,
    label_folder: str | None,
    formats: Mapping[str, Mapping[str, Any]],
    tree: str,
) -> list[str]:
    """Return the names of a split whose files no list names.

    The labels tell which samples there are (without labels: the first
    modality). A modality may lack files, but not have others.

    Args:
        data_root: folder of the data set, with ``train/`` and ``test/``.
        split: one of :data:`PARTS`.
        label_folder: below ``train/`` and ``test/``, for ``<name>.png``.
        formats: ``folder`` and ``suffix`` of the modalities in use.
        tree: what ``data_root`` must hold, for errors.

    Raises:
        FileNotFoundError: a folder is not there.
        ValueError: the split is empty, or names of files do not agree.
    """
    kinds = [(form['folder'], form['suffix']) for form in formats.values()]
    if label_folder is not None:
        kinds.insert(0, (label_folder, '.png'))
    part = PARTS[split]
    check_folders(data_root, [f'{part}/{f}' for f, _ in kinds], tree)
    root = located(data_root) / part
    folders = [root / folder for folder, _ in kinds]
    stems = [_stems(f, kind[1]) for f, kind in zip(folders, kinds)]
    for folder, others in zip(folders, stems):
        if strays := sorted(others - stems[0]):
            raise ValueError(
                f"'{folder}' holds {len(strays)} names that '{folders[0]}' "
                f"lacks, such as '{strays[0]}'; a sample has one name in all "
                'folders, so copy the data set again'
            )
    names = sorted(stems[0])
    if part == 'train':
        return _carved(names, split, folders[0])
    return _filled(names, split, folders[0])


def read_names(list_file: Root) -> list[str]:
    """Return the file names of a list, without folder and suffix.

    A line may be a bare name or, as in some published lists, paths such as
    ``RGB/0.jpg Label/0.png``, of which the first counts.
    """
    lines = read_text(located(list_file)).splitlines()
    words = (line.split()[0] for line in lines if line.strip())
    return [Path(text(f'names of {list_file}', w)).stem for w in words]


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


def wrong_root(data_root: Root, tree: str, found: str) -> str:
    """Return the sentence for a folder that is not the data set's."""
    return (
        f"'{data_root}' must hold {tree}, got {found}; check `data_root`, see "
        'docs/datasets.md'
    )


def _stems(folder: Path | Remote, suffix: str) -> set[str]:
    if isinstance(folder, Remote):
        names = [file for file in folder.below() if '/' not in file]
    else:
        names = [path.name for path in folder.iterdir()]
    return {
        name.removesuffix(suffix)
        for name in names
        if name.endswith(suffix) and not name.startswith('.')
    }


def _carved(names: Sequence[str], split: str, where: Root) -> list[str]:
    return _filled(carve(names, split), split, where, ten=split == 'val')


def _filled(
    names: list[str], split: str, where: Root, ten: bool = False
) -> list[str]:
    if not names:
        needs = 'ten names or more, of which every tenth makes a val part'
        raise ValueError(
            f"split '{split}' of '{where}' is empty; it needs "
            f'{needs if ten else "a name per sample"}'
        )
    return names

"""The files of a folder or of a table, by kind and sample."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from ..listing import files_below
from ..manifest import SPLIT, read_table
from .guess import SURE, Guess, Unclear
from .layout import Layout, guess_layout

# Files that may hold pixels, by their suffix: read, and known but not read.
PIXELS = (
    *('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.npy', '.webp', '.bmp'),
    *('.pgm', '.ppm', '.pfm', '.pnm', '.jp2'),
)
FOREIGN = (
    *('.npz', '.exr', '.mat', '.h5', '.hdf5', '.nc', '.hdr', '.gif', '.dcm'),
    *('.nii', '.gz', '.pkl'),
)
TABLES = ('.csv', '.json')


def arranged(source: Path) -> tuple[Path, Layout, list[Path]]:
    """Return where paths begin, the layout, and text files beside it.

    Args:
        source: a folder, or a table of files.

    Raises:
        FileNotFoundError: it is not there.
        Unclear: no file that is read, or none that meets another.
    """
    if source.is_file():
        return source.parent, _from_table(source), []
    if not source.is_dir():
        raise FileNotFoundError(
            f"no folder or table '{source}'; give the folder that holds a "
            'folder per modality'
        )
    pixels, texts, foreign = [], [], Counter()
    for name in files_below(source):
        suffix = os.path.splitext(name)[1].lower()
        if suffix in PIXELS:
            pixels.append(name)
        elif suffix in ('.txt', '.lst'):
            texts.append(source / name)
        elif suffix in FOREIGN:
            foreign[suffix] += 1
    if not pixels and foreign:
        raise Unclear(
            f"'{source}' holds {' and '.join(foreign)}, which are not read; "
            f'convert them to one of {" ".join(PIXELS)}'
        )
    return source, guess_layout(pixels), texts


def _from_table(source: Path) -> Layout:
    if source.suffix.lower() not in TABLES:
        raise Unclear(
            f"'{source}' is no table; give a folder, or a .csv or .json file "
            'with a column per modality, `label` and perhaps `split`'
        )
    table = read_table(source)
    kinds: dict[str, dict[str, str]] = {}
    splits = {}
    for number, row in enumerate(table):
        name = f'{number:06d}'
        for column, cell in row.items():
            if column == SPLIT and cell:
                splits[name] = str(cell)
            elif column != SPLIT and cell and _is_path(source.parent, cell):
                kinds.setdefault(column, {})[name] = str(cell).strip()
    if not kinds:
        raise Unclear(
            f"no column of '{source}' holds paths of files that exist; paths "
            "begin in the table's folder, and their formats are "
            f'{" ".join(PIXELS)}'
        )
    rule = Guess('table', SURE, f'columns of {source.name}')
    return Layout(kinds, splits, rule)


def _is_path(root: Path, cell: object) -> bool:
    suffix = os.path.splitext(str(cell).strip())[1].lower()
    return suffix in PIXELS and (root / str(cell).strip()).is_file()

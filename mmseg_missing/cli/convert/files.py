"""What converters of data sets share: their sources and what they write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.io import loadmat

from ..ending import say_next


def check_is_file(path: str | Path, remedy: str) -> None:
    """Raise ``FileNotFoundError`` where there is no such file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"file '{path}' does not exist; {remedy}")


def load_mat(path: str | Path, remedy: str, **options) -> dict[str, Any]:
    """Read a MATLAB file of version 5.

    Args:
        path: the file.
        remedy: what to do where it does not exist.
        **options: of ``scipy.io.loadmat``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is something else.
    """
    check_is_file(path, remedy)
    try:
        return loadmat(path, **options)
    # Damaged files raise whatever the bytes happen to lead to.
    except Exception as error:
        raise ValueError(
            f"'{path}' must be a MATLAB file (version 5), got something else; "
            'download it again'
        ) from error


def mat_fields(content: dict[str, Any]) -> list[str]:
    """Return what a MATLAB file holds, by name."""
    return [name for name in content if not name.startswith('__')]


def make_folders(out: Path, folders: Iterable[str]) -> None:
    """Make the folders of a layout below ``out``.

    Raises:
        OSError: ``out`` cannot be written.
    """
    try:
        for folder in folders:
            (out / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"'{out}' cannot be written ({error.strerror}); choose another "
            'folder with --out'
        ) from error


def write_image(path: Path, array: np.ndarray, *options: int) -> None:
    """Write (h, w) or (h, w, 3) in BGR order; ``options`` are of OpenCV.

    Raises:
        OSError: it cannot be written.
    """
    if not cv2.imwrite(str(path), array, options):
        raise OSError(f"'{path}' cannot be written; check --out")


def say_check(config: str, out: Path, default: str) -> None:
    """Print how the folder that was written is checked.

    Args:
        config: Name of one that reads it.
        out: The folder.
        default: The folder in this config.
    """
    key = 'train_dataloader.dataset.data_root'
    options = ('--split', 'train', '--cfg-options', f'{key}={out}')
    is_there = out == Path(default)
    given = () if is_there else options
    say_next('check', config, *given, why='every file')

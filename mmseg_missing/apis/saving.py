"""Masks, overlays and panels in files, each whole or not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..datasets.transforms.reading import read_array
from ..engine.atomic import write_atomically
from ..visualization.panels import panel as panel_of
from ..visualization.pictures import (
    colorize_label,
    colorize_modality,
    overlay,
    png_bytes,
)
from .result import Result


def overlay_path(mask: Path) -> Path:
    """Return where the overlay of a mask goes."""
    return mask.with_name(f'{mask.stem}_overlay.png')


def panel_path(mask: Path) -> Path:
    """Return where the panel of a mask goes."""
    return mask.with_name(f'{mask.stem}_panel.png')


def check_names(names: Sequence[str], panel: bool = False) -> None:
    """Refuse frames one of which is called as a picture of another.

    Args:
        names: Names of all frames of a folder.
        panel: Whether panels are written, too.

    Raises:
        ValueError: there is one.
    """
    known = set(names)
    for name in names:
        for kind in ('overlay', 'panel') if panel else ('overlay',):
            if f'{name}_{kind}' in known:
                raise ValueError(
                    f'the mask of the frame {f"{name}_{kind}"!r} and the '
                    f'{kind} of the frame {name!r} would be one file; rename '
                    'one of the two'
                )


def save(
    path: Path,
    result: Result,
    palette: Sequence[Sequence[int]],
    panel: bool = False,
) -> None:
    """Write what belongs to one frame, the mask last.

    Args:
        path: Path of the mask; its folder is made.
        result: Result of a frame that did not fail.
        palette: One RGB colour per class.
        panel: Whether a panel is written, too.

    Raises:
        OSError: it cannot be written.
    """
    pictures = {overlay_path(path): overlay_of(result, palette)}
    if panel:
        masks = {'prediction': result.mask}
        if result.unrepaired is not None:
            masks['unrepaired'] = result.unrepaired
        drawn = panel_of(result.frame, result.present, masks, palette)
        pictures[panel_path(path)] = drawn
    path.parent.mkdir(parents=True, exist_ok=True)
    for place, picture in {**pictures, path: result.mask}.items():
        write_atomically(place, png_bytes(picture))


def is_saved(path: Path, panel: bool = False) -> bool:
    """Say whether everything of one frame is there, the mask whole."""
    others = [overlay_path(path), *([panel_path(path)] if panel else [])]
    if not all(place.is_file() for place in (path, *others)):
        return False
    try:
        mask = read_array(path)
    except ValueError:  # cut off, or another thing
        return False
    return mask.dtype == np.uint8 and mask.shape[2] == 1


def overlay_of(result: Result, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the colours of a mask over the best picture of its frame."""
    colors = colorize_label(result.mask, palette)
    return overlay(picture_of(result.frame), colors)


def picture_of(frame: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return a picture of the modality that people see best."""
    colors = [array for array in frame.values() if array.shape[2] == 3]
    first = next(iter(frame.values()))
    return colorize_modality(colors[0] if colors else first)

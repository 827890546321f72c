"""Masks, overlays and panels in files, each whole or not there."""

from __future__ import annotations

import os
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
from .inputs import Frame
from .result import Result


def overlay_path(mask: Path) -> Path:
    """Return where the overlay of a mask goes."""
    return mask.with_name(f'{mask.stem}_overlay.png')


def panel_path(mask: Path) -> Path:
    """Return where the panel of a mask goes."""
    return mask.with_name(f'{mask.stem}_panel.png')


def check_places(
    frames: Sequence[Frame], masks: Mapping[str, Path], panel: bool = False
) -> None:
    """Refuse what would replace an input, or a picture of another frame.

    Args:
        frames: Frames that are going to be segmented.
        masks: Path of the mask by name of the frame.
        panel: Whether panels are written, too.

    Raises:
        ValueError: there is such a file.
    """
    places: dict[str, str] = {}
    for frame in frames:
        mask = masks[frame.name]
        drawn = {'mask': mask, 'overlay': overlay_path(mask)}
        if panel:
            drawn['panel'] = panel_path(mask)
        for kind, place in drawn.items():
            what = f'the {kind} of the frame {frame.name!r}'
            other = places.setdefault(os.path.realpath(place), what)
            if other != what:
                raise ValueError(
                    f'{other} and {what} would be one file; rename one of '
                    'these frames'
                )
    for frame in frames:
        for value in frame.given.values():
            for file in value if isinstance(value, list) else [value]:
                if not isinstance(file, (str, Path)):
                    continue
                what = places.get(os.path.realpath(file), '')
                if what:
                    raise ValueError(
                        f'{what} would replace the input {str(file)!r}; '
                        'write to another folder'
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

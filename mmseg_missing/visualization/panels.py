"""A frame at one glance: what it had, and what became of it."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from .pictures import colorize_label, colorize_modality, contact_sheet

CROSS = (200, 30, 30)
BACKGROUND = 225
# Titles above narrower cells would run into each other.
LEAST_WIDTH = 160
COLUMNS, MOST_WIDTH = 4, 320
CHARACTER = 8  # pixels of a title's letter


def panel(
    frame: Mapping[str, np.ndarray],
    present: Mapping[str, bool],
    predictions: Mapping[str, np.ndarray],
    palette: Sequence[Sequence[int]],
) -> np.ndarray:
    """Return inputs and predictions of one frame in a row.

    Args:
        frame: (H, W, C) of each modality that was given.
        present: Which modalities the network used, in order. Others are
            crossed out: their picture where they were given, else a blank.
        predictions: (H, W) class indices by title.
        palette: One RGB colour per class.

    Returns:
        (H', W', 3) uint8 RGB.
    """
    size = next(iter(predictions.values())).shape
    cells = []
    for name, is_used in present.items():
        cell = np.full((*size, 3), BACKGROUND, np.uint8)
        if name in frame:
            cell = colorize_modality(frame[name])
        cells.append(widened(cell) if is_used else crossed_out(widened(cell)))
    for mask in predictions.values():
        cells.append(widened(colorize_label(mask, palette)))
    return contact_sheet([cells], [*present, *predictions])


def combination_sheet(
    frame: Mapping[str, np.ndarray],
    modalities: Sequence[str],
    label: np.ndarray | None,
    predictions: Mapping[str, np.ndarray],
    palette: Sequence[Sequence[int]],
) -> np.ndarray:
    """Return one frame, and below it what each combination made of it.

    Args:
        frame: (H, W, C) of each modality that was given.
        modalities: The names of all; one without a picture is crossed out.
        label: (H, W) class indices, if there is one.
        predictions: (H, W) class indices by combination.
        palette: One RGB colour per class.

    Returns:
        (H', W', 3) uint8 RGB, a few cells wide; large images are thinned
        out.
    """
    size = next(iter(predictions.values())).shape
    blank = crossed_out(np.full((*size, 3), BACKGROUND, np.uint8))
    given = [
        (name, colorize_modality(frame[name]) if name in frame else blank)
        for name in modalities
    ]
    if label is not None:
        given.append(('label', colorize_label(label, palette)))
    made = [(n, colorize_label(m, palette)) for n, m in predictions.items()]
    least = max(CHARACTER * len(name) for name, _ in [*given, *made])
    rows = [
        [(name, _handy(cell, least)) for name, cell in cells[i : i + COLUMNS]]
        for cells in (given, made)
        for i in range(0, len(cells), COLUMNS)
    ]
    columns = max(map(len, rows))
    return np.vstack([_row(cells, columns) for cells in rows])


def crossed_out(picture: np.ndarray) -> np.ndarray:
    """Return a copy of (H, W, 3) uint8 with a cross from edge to edge."""
    picture = picture.copy()
    bottom, right = picture.shape[0] - 1, picture.shape[1] - 1
    thick = max(2, min(picture.shape[:2]) // 60)
    cv2.line(picture, (0, 0), (right, bottom), CROSS, thick)
    cv2.line(picture, (0, bottom), (right, 0), CROSS, thick)
    return picture


def widened(picture: np.ndarray, least: int = LEAST_WIDTH) -> np.ndarray:
    """Repeat the pixels of (H, W, 3) until it is so wide, or wider."""
    times = -(-least // picture.shape[1])
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def _row(cells: Sequence[tuple[str, np.ndarray]], columns: int) -> np.ndarray:
    """Return titled pictures in a row that has room for ``columns``."""
    titles, pictures = zip(*cells, strict=True)
    empty = [None] * (columns - len(cells))
    return contact_sheet([[*pictures, *empty]], titles)


def _handy(picture: np.ndarray, least: int) -> np.ndarray:
    """Return a picture that is neither very wide nor too narrow."""
    step = -(-picture.shape[1] // MOST_WIDTH)
    return widened(picture[::step, ::step], max(least, LEAST_WIDTH))

"""Draw modalities and label maps side by side; NumPy and OpenCV only."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..modality import Stack
from ..values import VOID

GAP = 4  # pixels between cells
HEADER = 20  # pixels above the cells, for the titles
FONT_SCALE = 0.42
# The range drawn leaves out outliers such as holes and reflections.
PERCENTILES = (1, 99)


def colorize_modality(values: np.ndarray) -> np.ndarray:
    """Return a picture of one modality.

    Three channels in 0..255 are shown as they are, in any other range
    (normals, polarisation) stretched; another number of channels is averaged
    and goes through a colour map.

    Args:
        values: (H, W, C), raw (not normalised).

    Returns:
        (H, W, 3) uint8 RGB.
    """
    values = np.nan_to_num(values.astype(np.float32))
    is_color = values.shape[2] == 3
    if is_color and values.min() >= 0 and values.max() > 1:
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)
    if is_color:
        return _stretch(values)
    grey = _stretch(values.mean(2))
    mapped = cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS)
    return cv2.cvtColor(mapped, cv2.COLOR_BGR2RGB)


def colorize_label(
    label: np.ndarray, palette: Sequence[Sequence[int]]
) -> np.ndarray:
    """Return a picture of a label map or a prediction; 255 is black.

    Args:
        label: (H, W), class indices.
        palette: one RGB colour per class.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    table = np.zeros((VOID + 1, 3), np.uint8)
    table[: len(palette)] = palette
    table[VOID] = 0
    return table[label]


def overlay(
    picture: np.ndarray, colors: np.ndarray, share: float = 0.5
) -> np.ndarray:
    """Lay the colours of classes over a picture.

    Args:
        picture: (H, W, 3) uint8.
        colors: (H, W, 3) uint8, such as :func:`colorize_label` returns.
        share: Share of the colours.

    Returns:
        (H, W, 3) uint8.
    """
    return cv2.addWeighted(picture, 1 - share, colors, share, 0)


def sample_pictures(
    sample: Mapping[str, Any], stack: Stack, palette: Sequence[Sequence[int]]
) -> list[np.ndarray | None]:
    """Return a picture per modality and one of the label.

    Args:
        sample: what ``PackModalities`` returns; an absent modality gives
            None.
        stack: the modalities of its channels.
        palette: one RGB colour per class.
    """
    inputs = sample['inputs'].permute(1, 2, 0).numpy()
    data_sample = sample['data_samples']
    pictures = [
        colorize_modality(inputs[..., channels]) if present else None
        for channels, present in zip(
            stack.slices.values(), data_sample.present, strict=True
        )
    ]
    label = data_sample.gt_sem_seg.data[0].numpy()
    return [*pictures, colorize_label(label, palette)]


def contact_sheet(
    rows: Sequence[Sequence[np.ndarray | None]],
    titles: Sequence[str] = (),
) -> np.ndarray:
    """Put pictures into a grid on white.

    Args:
        rows: pictures (H, W, 3) uint8 RGB; every cell gets the size of the
            first picture, ``None`` leaves a cell empty.
        titles: one word per column, written above it.

    Returns:
        (H', W', 3) uint8 RGB.
    """
    first = next(cell for row in rows for cell in row if cell is not None)
    height, width = first.shape[:2]
    top = HEADER if titles else 0
    columns = max(len(row) for row in rows)
    sheet = np.full(
        (
            top + GAP + len(rows) * (height + GAP),
            GAP + columns * (width + GAP),
            3,
        ),
        255,
        np.uint8,
    )
    for i, row in enumerate(rows):
        y = top + GAP + i * (height + GAP)
        for j, cell in enumerate(row):
            if cell is not None:
                x = GAP + j * (width + GAP)
                sheet[y : y + height, x : x + width] = _fit(cell, first.shape)
    for j, title in enumerate(titles):
        _write(sheet, title, GAP + j * (width + GAP))
    return sheet


def write_picture(path: str | Path, picture: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB as a png; folders are made.

    Raises:
        OSError: if the file cannot be written.
    """
    _write_png(path, picture)


def png_bytes(picture: np.ndarray) -> bytes:
    """Return the png of (H, W, 3) uint8 RGB, or of (H, W) uint8."""
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode('.png', picture)[1].tobytes()


def write_mask(path: str | Path, mask: np.ndarray) -> None:
    """Write (H, W) uint8 class indices as a grey png; folders are made.

    Raises:
        OSError: if the file cannot be written.
    """
    _write_png(path, mask)


def _write_png(path: str | Path, array: np.ndarray) -> None:
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_bytes(array))
    except OSError as error:
        raise OSError(
            f"picture '{path}' cannot be written ({error.strerror}); choose "
            'another output folder'
        ) from error


def _stretch(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values, PERCENTILES)
    scaled = (values - low) / max(high - low, 1e-6)
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def _fit(cell: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if cell.shape == shape:
        return cell
    size = (shape[1], shape[0])
    return cv2.resize(cell, size, interpolation=cv2.INTER_NEAREST_EXACT)


def _write(sheet: np.ndarray, text: str, x: int) -> None:
    cv2.putText(
        sheet,
        text,
        (x, HEADER - 6),
        cv2.FONT_HERSHEY_SIMPLEX,
        FONT_SCALE,
        (0, 0, 0),
        1,
        cv2.LINE_AA,
    )

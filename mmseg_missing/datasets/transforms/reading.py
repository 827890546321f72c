"""Read one file into an (H, W, C) array, or say what is wrong with it."""

from pathlib import Path

import cv2
import numpy as np

COLOR_CODES = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}


def read_array(path: str | Path) -> np.ndarray:
    """Read png, jpg, tiff or npy without changing its values.

    Args:
        path: file; ``.npy`` is read by NumPy, all else by OpenCV.

    Returns:
        (H, W, C) array in the file's dtype, colours in RGB order.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is truncated or cannot be decoded.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"file '{path}' does not exist; check `data_root` of the data set"
        )
    array = _read_npy(path) if path.suffix == '.npy' else _read_image(path)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"file '{path}' must hold (H, W) or (H, W, C) values, got shape "
            f'{array.shape}; write it again in that shape'
        )
    return array if array.ndim == 3 else array[..., None]


def _read_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(_broken(path)) from error


def _read_image(path: Path) -> np.ndarray:
    # Decoded from memory, because a cut file then gives None; from disk some
    # versions of OpenCV fill the rest with grey.
    data = np.frombuffer(path.read_bytes(), np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError(_broken(path)) from error
    if image is None:
        raise ValueError(_broken(path))
    return _rgb_order(image)


def _rgb_order(image: np.ndarray) -> np.ndarray:
    """Turn OpenCV's BGR or BGRA into RGB or RGBA."""
    channels = 1 if image.ndim == 2 else image.shape[2]
    if channels not in COLOR_CODES:
        return image
    return cv2.cvtColor(image, COLOR_CODES[channels])


def _broken(path: Path) -> str:
    return (
        f"file '{path}' is truncated or not an image or array that can be "
        'decoded; copy or download it again'
    )

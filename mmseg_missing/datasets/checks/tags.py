"""What image files say about themselves beside their pixels."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ORIENTATION = 274  # of EXIF and TIFF; 1: as it is stored
UPRIGHT = 1


def orientation_of(path: str | Path) -> int:
    """Return a file's orientation tag, 1..8; 1 if it has none."""
    try:
        with Image.open(path) as image:
            return image.getexif().get(ORIENTATION, UPRIGHT)
    # Whatever it is, it carries no tag; reading it says what is wrong.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return UPRIGHT

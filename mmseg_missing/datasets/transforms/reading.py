"""Read one file into an (H, W, C) array, or say what is wrong with it.

The one door to image files: one rule for all formats, found by content and
never by suffix. Pixels are as stored: samples are neither scaled nor mixed,
orientation tags turn nothing, labels are read by the same decoders.
"""

import io
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO

import cv2
import imagecodecs
import numpy as np
import PIL
import tifffile
from PIL import Image

from mmseg_missing.remote import Remote, located

from . import photos, png, pnm, tiff
from .unreadable import DAMAGED, TRUNCATED, Unreadable

SUPPORTED = 'NPY, PNG, JPEG, TIFF, WebP, BMP, PGM, PPM, PFM and JPEG 2000'
# Raised by whoever changes what a file is decoded to.
DECODER = 3
VERSIONS = (
    f'{DECODER} {cv2.__version__} {PIL.__version__} {np.__version__} '
    f'{tifffile.__version__} {imagecodecs.__version__}'
)
"""All that an array depends on besides its file."""

NPY_MAGIC = b'\x93NUMPY'
RIFF, WEBP = b'RIFF', b'WEBP'
# Formats that people try; by the first bytes.
OTHERS = {
    b'PK\x03\x04': 'a zip archive such as NPZ',
    b'v/1\x01': 'OpenEXR',
    b'\x89HDF': 'HDF5 or MATLAB 7.3',
    b'MATLAB': 'MATLAB',
    b'CDF': 'NetCDF',
    b'GIF8': 'GIF',
    b'#?': 'Radiance HDR',
    b'%PDF': 'PDF',
    b'8BPS': 'Photoshop',
    b'P1': 'PBM',
    b'P4': 'PBM',
    b'P7': 'PAM',
    b'\x80': 'a pickle',
    b'\xff\x0a': 'JPEG XL',
    b'\0\0\0\x0cJXL ': 'JPEG XL',
    b'version https://git-lfs': 'a pointer of Git LFS, not the file itself',
}


def read_array(path: str | Path | Remote, indices: bool = False) -> np.ndarray:
    """Read an image or array file without changing its values.

    Args:
        path: file in one of the supported formats, whatever its suffix, or
            its address.
        indices: of a palette return what is stored, not its colours.

    Returns:
        (H, W, C) array in the file's dtype and the machine's byte order,
        colours in RGB order.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: the file is truncated or damaged, or its format or
            layout is not read.

    >>> from tempfile import TemporaryDirectory
    >>> from pathlib import Path
    >>> from mmseg_missing.visualization.pictures import write_picture
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, 'frame.png')
    ...     write_picture(path, np.full((4, 6, 3), 99, np.uint8))
    ...     read_array(path).shape
    (4, 6, 3)
    """
    return _read(path, lambda data: _decoded(data, indices))


def read_label(path: str | Path | Remote, palette: bool = False) -> np.ndarray:
    """Read a label file: its stored samples, where they can be trusted.

    Args:
        path: file in one of the supported formats that loses nothing.
        palette: whether the indices of a palette are the classes.

    Returns:
        (H, W, C), as :func:`read_array`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: as :func:`read_array`; a lossy format; a palette without
            ``palette``.
    """

    def decode(data: bytes) -> np.ndarray:
        traits = _traits(data)
        if 'lossy' in traits:
            raise Unreadable(
                'is a label in a format that loses values at edges; write '
                'class indices as a grey PNG, from the original labels'
            )
        if 'palette' in traits and not palette:
            raise Unreadable(
                'is a label with a palette; if its stored indices are the '
                'classes, set `palette=True` of LoadLabel, else write class '
                'indices as a grey PNG'
            )
        return _decoded(data, indices=True)

    return _read(path, decode)


def orientation_of(path: str | Path | Remote) -> int:
    """Return the orientation tag of an image file, 1 (upright) to 8.

    Reading leaves it aside; viewers turn such a picture, so labels that were
    drawn in one may lie otherwise. 1 where there is no tag.

    >>> from tempfile import TemporaryDirectory
    >>> from pathlib import Path
    >>> from mmseg_missing.visualization.pictures import write_picture
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, 'frame.png')
    ...     write_picture(path, np.full((4, 6, 3), 99, np.uint8))
    ...     orientation_of(path)  # upright
    1
    """
    try:
        with (
            warnings.catch_warnings(),
            _opened(path) as file,
            Image.open(file) as image,
        ):
            warnings.simplefilter('ignore')
            value = image.getexif().get(0x112, 1)
    except Exception:  # what cannot be read is not turned either
        return 1
    return value if value in range(1, 9) else 1


def nodata_of(path: str | Path | Remote) -> float | None:
    """Return the value that a TIFF itself says to mean "no data".

    GDAL writes it into a tag; None where there is none.
    """
    with _opened(path) as file:
        if file.read(4) not in tiff.MAGICS:
            return None
        file.seek(0)
        try:
            tag = tifffile.TiffFile(file).pages.first.tags.get('GDAL_NODATA')
            return None if tag is None else float(tag.value.strip('\0 '))
        except Exception:  # damaged, or it says nothing sensible
            return None


def pixels_of(path: str | Path | Remote) -> int:
    """Return how many pixels a file says to have, without decoding it.

    0: it does not say so to these libraries. What is not compressed has no
    more values than bytes.
    """
    try:
        with _opened(path) as file:
            if file.read(4) in tiff.MAGICS:
                file.seek(0)
                page = tifffile.TiffFile(file).pages.first
                width, height = page.imagewidth, page.imagelength
            else:
                file.seek(0)
                with Image.open(file) as image:
                    width, height = image.size
    except Image.DecompressionBombError:  # far more than anyone looks at
        return 2 * (Image.MAX_IMAGE_PIXELS or 0)
    except Exception:  # reading says what is wrong
        return 0
    return width * height


def _opened(path: str | Path | Remote) -> IO[bytes]:
    path = located(path)
    if isinstance(path, Remote):
        return io.BytesIO(path.read_bytes())
    return path.open('rb')


def traits_of(path: str | Path | Remote) -> set[str]:
    """Return ``'palette'`` and ``'lossy'``, where they are true of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: its format is not read.
    """
    try:
        return _traits(located(path).read_bytes())
    except Unreadable as error:
        raise ValueError(f"file '{path}' {error}") from error


def decoder_of(data: bytes) -> Callable[..., np.ndarray]:
    """Return what decodes a file that begins so.

    Raises:
        Unreadable: no format that is read.
    """
    starts: dict[bytes, Callable[..., np.ndarray]] = {
        NPY_MAGIC: _read_npy,
        png.MAGIC: png.read_png,
        photos.JPEG_MAGIC: photos.read_jpeg,
        **dict.fromkeys(tiff.MAGICS, tiff.read_tiff),
        **dict.fromkeys(photos.JP2_MAGICS, photos.read_jp2),
        **dict.fromkeys(pnm.MAGICS, pnm.read_pnm),
        b'BM': photos.read_bmp,
    }
    for start, decoder in starts.items():
        if data.startswith(start):
            return decoder
    if data.startswith(RIFF) and data[8:12] == WEBP:
        return photos.read_webp
    raise Unreadable(_foreign(data))


def _read(
    path: str | Path | Remote, decode: Callable[[bytes], np.ndarray]
) -> np.ndarray:
    path = located(path)
    try:
        if isinstance(path, Path) and not path.is_file():
            raise FileNotFoundError
        return _checked(decode(path.read_bytes()))
    except Unreadable as error:
        raise ValueError(f"file '{path}' {error}") from error
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"file '{path}' does not exist; check `data_root` of the data set"
        ) from error
    except OSError as error:
        is_here = isinstance(path, Path)
        remedy = (
            'its permissions and the disk' if is_here else '`backend_args`'
        )
        raise ValueError(
            f"file '{path}' cannot be read ({error.strerror}); check {remedy}"
        ) from error


def _traits(data: bytes) -> set[str]:
    """Return ``'palette'`` and ``'lossy'``, where they are true."""
    known = {
        png.read_png: png.png_traits,
        photos.read_jpeg: lambda data: {'lossy'},
        photos.read_jp2: lambda data: {'lossy'},
        photos.read_webp: photos.webp_traits,
        photos.read_bmp: photos.bmp_traits,
        tiff.read_tiff: tiff.tiff_traits,
    }
    if not data:
        return set()
    try:
        return known.get(decoder_of(data), lambda data: set())(data)
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(DAMAGED) from error


def _decoded(data: bytes, indices: bool) -> np.ndarray:
    if not data:
        raise Unreadable(TRUNCATED.replace('truncated', 'truncated, 0 bytes'))
    decoder = decoder_of(data)
    try:
        return decoder(data, indices=indices)
    except Unreadable:
        raise
    except Exception as error:  # decoders fail in ways of their own
        raise Unreadable(DAMAGED) from error


def _read_npy(data: bytes, indices: bool = False) -> np.ndarray:
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        name = f'read_array_header_{version[0]}_0'
        shape, is_fortran, dtype = getattr(np.lib.format, name)(file)
    except ValueError as error:
        raise Unreadable(TRUNCATED) from error
    if dtype.hasobject:
        raise Unreadable('holds Python objects; save plain numbers by np.save')
    count, start = math.prod(shape), file.tell()
    if start + dtype.itemsize * count > len(data):
        raise Unreadable(TRUNCATED)
    values = np.frombuffer(data, dtype, count, start).copy()
    return values.reshape(shape, order='F' if is_fortran else 'C')


def _checked(array: np.ndarray) -> np.ndarray:
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise Unreadable(
            'must hold (H, W) or (H, W, C) values, got shape '
            f'{array.shape}; write it again in that shape'
        )
    if array.dtype.kind not in 'buif':
        raise Unreadable(
            f'must hold real numbers, got {array.dtype}; write, for example, '
            'amplitude and phase as two channels'
        )
    array = array.astype(array.dtype.newbyteorder('='), copy=False)
    return array if array.ndim == 3 else array[..., None]


def _foreign(data: bytes) -> str:
    names = (name for start, name in OTHERS.items() if data.startswith(start))
    name = next(names, 'of a format that is not known')
    return f'is {name}, which is not read; convert it to one of {SUPPORTED}'

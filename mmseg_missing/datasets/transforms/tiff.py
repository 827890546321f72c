"""Read a TIFF by its tags, as it is stored.

tifffile decodes; here stands what a (H, W, C) array may be made of. OpenCV
multiplies colours by a fourth band, scrambles separate planes and makes
grey of three bands with 16 bits.
"""

import io
import logging

import numpy as np
import tifffile
from tifffile import COMPRESSION, PHOTOMETRIC

from .unreadable import DAMAGED, TRUNCATED, Unreadable

MAGICS = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
AS_STORED = (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.RGB)
JPEGS = (COMPRESSION.JPEG, COMPRESSION.OJPEG, COMPRESSION.JPEG_LOSSY)
# What tifffile says then, not of a damaged file.
NO_DECODER = (
    'requires',
    'support',
    'No module',
    'do not match',
    'colorspace',
)
# Deflate reaches 1032 to 1; a damaged tag can ask for all memory.
SMALL, LARGEST_RATIO = 2**29, 2000
# Reduced copies and masks lie beside the image: bits 0 and 2 of the tag.
BESIDE = 0b101


def read_tiff(data: bytes, indices: bool = False) -> np.ndarray:
    """Return the stored samples, (H, W, C), in the machine's byte order.

    Args:
        data: the whole file.
        indices: of a palette return what is stored, not its colours.

    Raises:
        Unreadable: truncated, several pages, a layout that is no image, or
            a compression without a decoder.
    """
    # It logs what it then raises or what does not matter here.
    logging.getLogger('tifffile').setLevel(logging.CRITICAL)
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tif:
            page = only_page(tif, len(data))
            _check_layout(page)
            array = _decoded(page)
            if page.photometric == PHOTOMETRIC.PALETTE and not indices:
                array = _colored(array, page)
            return array
    except Unreadable:
        raise
    except Exception as error:  # a damaged tag fails anywhere in tifffile
        raise Unreadable(DAMAGED) from error


def tiff_traits(data: bytes) -> set[str]:
    """Return ``'palette'`` and ``'lossy'``, where they are true."""
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        page = tif.pages.first
        traits = (
            {'palette'} if page.photometric == PHOTOMETRIC.PALETTE else set()
        )
        return traits | ({'lossy'} if page.compression in JPEGS else set())


def only_page(tif: tifffile.TiffFile, size: int) -> tifffile.TiffPage:
    """Return the one page that is an image of its own, whole.

    Raises:
        Unreadable: none, several, or one that ends behind the file.
    """
    pages = [
        page
        for page in map(tif.pages.get, range(len(tif.pages)))
        if not int(page.subfiletype) & BESIDE
    ]
    if not pages or _names_another_page(tif):
        raise Unreadable(TRUNCATED)
    stacked = (tif.imagej_metadata or {}).get('images', 1)
    if len(pages) * stacked > 1 or pages[0].imagedepth > 1:
        count = max(len(pages) * stacked, pages[0].imagedepth)
        raise Unreadable(
            f'is a TIFF of {count} pages; write one page whose samples are '
            'the channels, or one file per page'
        )
    ends = map(sum, zip(pages[0].dataoffsets, pages[0].databytecounts))
    if max(ends, default=0) > size:
        raise Unreadable(TRUNCATED)
    if pages[0].nbytes > max(SMALL, size * LARGEST_RATIO):
        raise Unreadable(DAMAGED)
    return pages[0]


def _names_another_page(tif: tifffile.TiffFile) -> bool:
    """Return whether the last page that is there is not the last one."""
    tif.filehandle.seek(tif.pages.next_page_offset)
    return any(tif.filehandle.read(tif.tiff.offsetsize))


def _check_layout(page: tifffile.TiffPage) -> None:
    photometric = page.photometric
    is_known = photometric in AS_STORED or (
        (
            photometric == PHOTOMETRIC.YCBCR and page.compression in JPEGS
        )  # decoded to RGB, as a .jpg is
        or (photometric == PHOTOMETRIC.PALETTE and page.samplesperpixel == 1)
    )
    if page.compression == COMPRESSION.LERC:  # seen to mix channels
        raise Unreadable(_not_decoded(page))
    if not is_known or page.dtype is None or page.dtype.kind not in 'buif':
        raise Unreadable(
            f'is a TIFF with photometric {_name(photometric)}, '
            f'{page.samplesperpixel} samples per pixel, {page.bitspersample} '
            f'bits, sample format {_name(page.sampleformat)} and compression '
            f'{_name(page.compression)}, which is not read; write it with '
            'photometric MINISBLACK or RGB and real samples of equal bits'
        )


def _decoded(page: tifffile.TiffPage) -> np.ndarray:
    try:
        # One thread: loader workers are many already.
        array = page.asarray(maxworkers=1).reshape(page.shaped)
    except Exception as error:
        if not any(word in str(error) for word in NO_DECODER):
            raise
        raise Unreadable(_not_decoded(page)) from error
    array = np.moveaxis(array[:, 0], 0, -2)  # (h, w, planes, samples)
    array = array.reshape(*array.shape[:2], -1)
    return array.astype(np.uint8 if array.dtype.kind == 'b' else array.dtype)


def _not_decoded(page: tifffile.TiffPage) -> str:
    return (
        f'is a TIFF with compression {_name(page.compression)} and predictor '
        f'{_name(page.predictor)}, which is not decoded as stored; write it '
        'with LZW or deflate'
    )


def _colored(array: np.ndarray, page: tifffile.TiffPage) -> np.ndarray:
    """Look up (H, W, 1) in the palette, which has 16 bits."""
    colors = np.asarray(page.colormap).T  # (entries, 3)
    shift = 8 if colors.max() > 255 else 0  # some writers fill 8 bits only
    return (colors >> shift).astype(np.uint8)[array[..., 0]]


def _name(value: object) -> str:
    return getattr(value, 'name', str(value))

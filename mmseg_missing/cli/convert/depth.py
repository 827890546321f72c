"""Turn a folder of depth images into HHA or surface normals.

HHA: 8-bit, channels in RGB order: 310 / metres, centimetres above ground,
degrees between normal and upward direction plus 38; a hole is 0. These are
the channels and the scaling of the published HHA files. Normals: 8-bit,
x, y, z times 127 plus 128; a hole is 128.

Example:
  mmseg-missing convert depth data/nyuv2/Depth --out data/nyuv2/HHA
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from mmengine.utils import track_iter_progress

from ...datasets.depth import CAMERAS, DepthEncoder
from ...datasets.transforms.reading import read_array
from ...values import real
from ..arguments import at_least, verb_parser
from ..ending import say_next

FIELDS = ('fx', 'fy', 'cx', 'cy', 'height', 'width')
MILLIMETRES = 0.001
FORMATS = {
    'hha': 'the default format of 8-bit PNG',
    'normals': "scale=1 / 127, offset=-128 / 127, and geometry='normals' in "
    'the stack',
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of this converter."""
    parser = verb_parser('convert depth', __doc__)
    parser.add_argument('depth', help='folder of depth images, one channel')
    parser.add_argument('--out', required=True, help='folder to write')
    parser.add_argument(
        '--encoding',
        choices=list(FORMATS),
        default='hha',
        help='default: %(default)s',
    )
    parser.add_argument(
        '--camera',
        default='nyuv2',
        help=f'one of {", ".join(CAMERAS)}, or numbers in pixels: '
        f'{",".join(FIELDS)} (default: %(default)s)',
    )
    parser.add_argument(
        '--scale',
        type=float,
        default=MILLIMETRES,
        help='metres per step of the files (default: %(default)s)',
    )
    parser.add_argument(
        '--workers',
        type=at_least(1),
        default=os.cpu_count(),
        help='default: all',
    )
    return parser


def read_camera(text: str) -> str | dict:
    """Return the name of a known camera, or the fields of another.

    Raises:
        ValueError: neither.
    """
    if ',' not in text:
        return text
    try:
        numbers = [float(number) for number in text.split(',')]
        *intrinsics, height, width = numbers
        fields = dict(zip(FIELDS[:4], intrinsics, strict=True))
        size = (_whole(height), _whole(width))
    except ValueError as error:
        raise ValueError(
            f'--camera takes a name or {",".join(FIELDS)}, got {text!r}'
        ) from error
    return {**fields, 'size': size}


def _whole(number: float) -> int:
    if not number.is_integer():
        raise ValueError(number)
    return int(number)


def find_images(folder: str, out: str) -> list[Path]:
    """Return the PNG files of a folder.

    Raises:
        FileNotFoundError: no folder, or none in it.
        ValueError: it would be written over.
    """
    images = sorted(Path(folder).glob('*.png'))
    if not images:
        raise FileNotFoundError(
            f"'{folder}' must be a folder with depth as *.png, got "
            f'{"none of them" if Path(folder).is_dir() else "no folder"}'
        )
    if Path(folder).resolve() == Path(out).resolve():
        raise ValueError(f"--out '{out}' is the folder of the depth images")
    return images


def read_depth(path: Path, scale: float) -> np.ndarray:
    """Return (H, W, 1) float32 metres.

    Raises:
        ValueError: colours, or 8 bits that cannot be millimetres.
    """
    raw = read_array(path)
    if raw.shape[2] != 1:
        raise ValueError(
            f"'{path}' has {raw.shape[2]} channels, depth has one; give the "
            'folder of depth images'
        )
    if raw.dtype == np.uint8 and scale == MILLIMETRES:
        raise ValueError(
            f"'{path}' is 8-bit, which is no millimetres; give --scale, the "
            'metres per step'
        )
    return raw * np.float32(scale)


def write_image(path: Path, encoded: np.ndarray) -> None:
    """Write (H, W, 3): uint8 as it is, unit vectors in steps of 1 / 127."""
    if encoded.dtype != np.uint8:
        encoded = np.uint8(np.rint(encoded * 127) + 128)
    if not cv2.imwrite(str(path), np.ascontiguousarray(encoded[..., ::-1])):
        raise OSError(f"'{path}' cannot be written; check --out")


def main(argv: Sequence[str] | None = None) -> None:
    """Encode every image, all cores at work."""
    args = parser().parse_args(argv)
    real('--scale', args.scale, above=0)
    encode = DepthEncoder(args.encoding, read_camera(args.camera))
    images = find_images(args.depth, args.out)
    out = Path(args.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"'{out}' cannot be written ({error.strerror}); choose another "
            'folder with --out'
        ) from error

    def convert(path: Path) -> None:
        write_image(out / path.name, encode(read_depth(path, args.scale)))

    cv2.setNumThreads(1)  # one image per core is faster than one per all
    with ThreadPoolExecutor(args.workers) as pool:
        try:
            for _ in track_iter_progress(
                (pool.map(convert, images), len(images))
            ):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    print(
        f'{len(images)} images written to {out} as {args.encoding}; in the '
        f"data set's `formats`: {FORMATS[args.encoding]}"
    )
    say_next('browse', 'CONFIG', why='a look at what the data set reads')

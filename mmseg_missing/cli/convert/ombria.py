"""Turn the official OMBRIA into the folder of OMBRIADataset.

The repository github.com/geodrak/OMBRIA holds the tiles: OmbriaS1, OmbriaS2
and 2021. Images are copied (--halve: 2x2 area means, the size that the
configs of this project were written for); masks become 0 = land, 1 = water.

Example:
  mmseg-missing convert ombria OMBRIA --out data/ombria
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from mmengine.utils import track_iter_progress

from ...datasets.transforms.reading import read_array
from ..arguments import verb_parser
from .files import make_folders, say_check, write_image

# Folder written, of which satellite, folder and start of the file names read
# (in the lists of OmbriaS1 and OmbriaS2; in those of 2021).
IMAGES = {
    's1_before': (1, 'BEFORE', 'before', 'imbefore'),
    's1_after': (1, 'AFTER', 'after', 'imafter'),
    's2_before': (2, 'BEFORE', 'before', 'imbefore'),
    's2_after': (2, 'AFTER', 'after', 'imafter'),
}
MASK = 'mask'
RADAR = ('s1_before', 's1_after')
EXPECTED = (
    'OmbriaS1/train/BEFORE/S1_before_0001.png and so on, OmbriaS2/ alike, and '
    '2021/ALBANIA/Sentinel1/BEFORE/imbefore_1.png'
)

# One tile: its name, and each folder's file.
Tile = tuple[str, dict[str, Path]]
EXAMPLE = 'cmnext_small_1xb8-12e_ombria-s1s2-64x64'


def parser() -> argparse.ArgumentParser:
    """Return the parser of this converter."""
    parser = verb_parser('convert ombria', __doc__)
    parser.add_argument('source', help='folder of the repository')
    parser.add_argument(
        '--halve', action='store_true', help='write tiles of half the size'
    )
    parser.add_argument(
        '--out', default='data/ombria', help='folder to write (%(default)s)'
    )
    return parser


def published_tiles(source: Path, split: str) -> Iterator[Tile]:
    """Yield the tiles of ``train`` or ``test``."""
    folders = {s: source / f'Ombria{s}' / split for s in ('S1', 'S2')}
    for path in sorted((folders['S1'] / 'BEFORE').glob('S1_before_*.png')):
        name = path.stem.rpartition('_')[2]
        files = {
            key: folders[f'S{s}'] / folder / f'S{s}_{start}_{name}.png'
            for key, (s, folder, start, _) in IMAGES.items()
        }
        masks = [folders[s] / 'MASK' / f'{s}_mask_{name}.png' for s in folders]
        yield name, {**files, MASK: _first(masks)}


def tiles_of_2021(source: Path) -> Iterator[Tile]:
    """Yield the tiles of the events of 2021, named ``ALBANIA_1``."""
    found = (source / '2021').glob('*/Sentinel1/BEFORE/imbefore_*.png')
    for path in sorted(found):
        event, number = path.parents[2], path.stem.rpartition('_')[2]
        files = {
            key: event / f'Sentinel{s}' / folder / f'{start}_{number}.png'
            for key, (s, folder, _, start) in IMAGES.items()
        }
        masks = [
            event / f'Sentinel{s}' / 'MASK' / f'gt_{number}.png'
            for s in (1, 2)
        ]
        yield f'{event.name}_{number}', {**files, MASK: _first(masks)}


def _first(paths: list[Path]) -> Path:
    """Return the first that exists; both satellites have the same masks."""
    return next((path for path in paths if path.is_file()), paths[0])


def find_tiles(source: Path) -> dict[str, list[Tile]]:
    """Return the tiles of each list.

    Raises:
        FileNotFoundError: a list without tiles, or a file that lacks.
    """
    lists = {
        'train': list(published_tiles(source, 'train')),
        'test': list(published_tiles(source, 'test')),
        'test2021': list(tiles_of_2021(source)),
    }
    for name, tiles in lists.items():
        if not tiles:
            raise FileNotFoundError(
                f"'{source}' must hold {EXPECTED}; found no tile of {name}"
            )
        for _, files in tiles:
            for path in files.values():
                if not path.is_file():
                    raise FileNotFoundError(
                        f"'{path}' does not exist, but the other images of "
                        'its tile do; download the repository again'
                    )
    return lists


def convert(key: str, path: Path, halve: bool) -> np.ndarray:
    """Return what is written: (h, w), or (h, w, 3) in RGB order.

    Raises:
        ValueError: a damaged file, or one without 8 bits.
    """
    array = read_array(path)
    if array.dtype != np.uint8:
        raise ValueError(
            f"'{path}' must have 8 bits, got {array.dtype}; download the "
            'repository again'
        )
    if key == MASK:
        step = 2 if halve else 1
        return (array[::step, ::step, 0] > 0).astype(np.uint8)
    array = array[..., 0] if key in RADAR else array[..., :3]
    if halve:
        h, w = array.shape[:2]
        size = (w // 2, h // 2)
        array = cv2.resize(array, size, interpolation=cv2.INTER_AREA)
    return array


def main(argv: Sequence[str] | None = None) -> None:
    """Convert, with counts."""
    args = parser().parse_args(argv)
    lists = find_tiles(Path(args.source))
    out = Path(args.out)
    make_folders(out, (*IMAGES, MASK))
    tiles = [tile for tiles in lists.values() for tile in tiles]
    for name, files in track_iter_progress(tiles):
        for key, path in files.items():
            array = convert(key, path, args.halve)
            bgr = array[..., ::-1].copy() if array.ndim == 3 else array
            write_image(out / key / f'{name}.png', bgr)
    # Last, so that a folder that was not finished has no lists.
    for name, part in lists.items():
        text = ''.join(f'{tile}\n' for tile, _ in part)
        (out / f'{name}.txt').write_text(text, encoding='utf-8')
    counts = ', '.join(f'{len(part)} {name}' for name, part in lists.items())
    print(f'{len(tiles)} tiles written to {out} ({counts})')
    say_check(EXAMPLE, out, 'data/ombria_128')

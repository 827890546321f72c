"""Turn the official SUN RGB-D into the folder of SUNRGBDDataset.

SUNRGBD.zip and SUNRGBDtoolbox.zip come from the authors' page, rgbd.cs.
princeton.edu; unzip both. Images are copied as they are, depth is written in
millimetres (16 bits, 0 = not measured), labels count from 1 (0 = void).

Example:
  mmseg-missing convert sunrgbd SUNRGBD SUNRGBDtoolbox
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from mmengine.utils import track_iter_progress

from ...datasets.transforms.reading import read_array
from ..arguments import verb_parser
from .files import (
    check_is_file,
    load_mat,
    make_folders,
    mat_fields,
    say_check,
    write_image,
)

META = 'Metadata/SUNRGBDMeta.mat'
LABELS = 'Metadata/SUNRGBD2Dseg.mat'
SPLITS = 'traintestSUNRGBD/allsplit.mat'
FIELDS = ('rgbpath', 'rgbname', 'depthname')
FOLDERS = ('RGB', 'Depth', 'Label')
# Paths in the toolbox begin with those of its authors' machine.
TOP = 'SUNRGBD'
CLASSES = 37
# Bits of depth are rotated by 3, and values above 8 m are not trusted; both
# from read3dPoints.m of the toolbox.
ROTATION = 3
MAX_DEPTH_MM = 8000
UNZIP = 'unzip SUNRGBD.zip again'
NO_TOOLBOX = 'the second argument is the folder SUNRGBDtoolbox'
AS_OBJECTS = {'squeeze_me': True, 'struct_as_record': False}
EXAMPLE = 'cmnext_mit-b2_1xb4-200e_sunrgbd-rgbd-480x640'


def parser() -> argparse.ArgumentParser:
    """Return the parser of this converter."""
    parser = verb_parser('convert sunrgbd', __doc__)
    parser.add_argument('images', help='folder SUNRGBD: kv1, kv2, ...')
    parser.add_argument('toolbox', help='folder SUNRGBDtoolbox')
    parser.add_argument(
        '--raw-depth',
        action='store_true',
        help='depth with its holes, instead of the filled one (depth_bfx)',
    )
    parser.add_argument(
        '--out', default='data/sunrgbd', help='folder to write (%(default)s)'
    )
    return parser


def read_frames(toolbox: Path) -> list[dict[str, str]]:
    """Return folder and file names of each frame, in the order of labels.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not the frames of SUN RGB-D.
    """
    content = load_mat(toolbox / META, NO_TOOLBOX, **AS_OBJECTS)
    frames = np.atleast_1d(content.get('SUNRGBDMeta', []))
    if not len(frames) or not all(hasattr(frames[0], f) for f in FIELDS):
        raise ValueError(
            f"'{toolbox / META}' must hold SUNRGBDMeta with {FIELDS}, got "
            f'{mat_fields(content)}; download it again'
        )
    return [
        {
            'folder': below_top(str(Path(f.rgbpath).parents[1])),
            'rgb': f.rgbname,
            'depth': f.depthname,
        }
        for f in frames
    ]


def read_splits(toolbox: Path, folders: list[str]) -> dict[str, list[int]]:
    """Return the indices of the frames of ``train`` and ``test``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the lists do not name each frame once.
    """
    content = load_mat(toolbox / SPLITS, NO_TOOLBOX, **AS_OBJECTS)
    splits = {}
    for split in ('train', 'test'):
        paths = np.atleast_1d(content.get(f'all{split}', []))
        named = {below_top(path) for path in paths}
        splits[split] = [i for i, f in enumerate(folders) if f in named]
    indices = sorted(splits['train'] + splits['test'])
    if indices != list(range(len(folders))):
        raise ValueError(
            f"'{toolbox / SPLITS}' must name each of the {len(folders)} "
            'frames once, in alltrain or alltest, got '
            f'{len(splits["train"])} and {len(splits["test"])} of them; it '
            f'must belong to {META}'
        )
    return splits


def open_labels(toolbox: Path, count: int) -> h5py.File:
    """Open the labels, one reference per frame.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not the labels of ``count`` frames.
    """
    path = toolbox / LABELS
    check_is_file(path, NO_TOOLBOX)
    try:
        file = h5py.File(path, 'r')
    except OSError as error:
        raise ValueError(_not_labels(path, count, 'no HDF5 file')) from error
    labels = file.get('SUNRGBD2Dseg/seglabel')
    if labels is None or labels.shape != (count, 1):
        found = list(file) if labels is None else f'the shape {labels.shape}'
        file.close()
        raise ValueError(_not_labels(path, count, found))
    return file


def below_top(path: str) -> str:
    """Return the part of a path in the toolbox below ``SUNRGBD``."""
    parts = Path(path).parts
    return '/'.join(parts[parts.index(TOP) + 1 :] if TOP in parts else parts)


def decode_depth(raw: np.ndarray) -> np.ndarray:
    """Return (h, w) uint16 millimetres from the file's rotated bits."""
    depth_mm = raw >> ROTATION | raw << (16 - ROTATION)
    return np.minimum(depth_mm, MAX_DEPTH_MM).astype(np.uint16)


def read_depth(path: Path) -> np.ndarray:
    """Read a depth file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged or has no 16 bits.
    """
    check_is_file(path, UNZIP)
    raw = read_array(path)
    if raw.dtype != np.uint16 or raw.shape[2] != 1:
        raise ValueError(
            f"'{path}' must have 16 bits and one channel, got {raw.dtype} and "
            f'{raw.shape[2]}; {UNZIP}'
        )
    return decode_depth(raw[..., 0])


def read_label(file: h5py.File, index: int) -> np.ndarray:
    """Return (h, w) uint8, 0 = void; MATLAB's axes arrive reversed.

    Raises:
        ValueError: it holds other numbers than 0..37.
    """
    label = file[file['SUNRGBD2Dseg']['seglabel'][index, 0]][()].T
    if label.max() > CLASSES:
        raise ValueError(
            f"the label of frame {index + 1} in '{file.filename}' holds "
            f'{label.max():g}, expected 0..{CLASSES}; download it again'
        )
    return label.astype(np.uint8)


def main(argv: Sequence[str] | None = None) -> None:
    """Convert, with counts."""
    args = parser().parse_args(argv)
    images, toolbox, out = map(Path, (args.images, args.toolbox, args.out))
    depth_folder = 'depth' if args.raw_depth else 'depth_bfx'
    frames = read_frames(toolbox)
    splits = read_splits(toolbox, [f['folder'] for f in frames])
    check_images(images, frames[0]['folder'])
    with open_labels(toolbox, len(frames)) as labels:
        make_folders(out, FOLDERS)
        for index, frame in enumerate(track_iter_progress(frames)):
            name, folder = frame_name(index), images / frame['folder']
            depth = read_depth(folder / depth_folder / frame['depth'])
            write_image(out / f'Depth/{name}.png', depth)
            label = read_label(labels, index)
            write_image(out / f'Label/{name}.png', label)
            rgb = folder / 'image' / frame['rgb']
            check_is_file(rgb, UNZIP)
            shutil.copyfile(rgb, out / f'RGB/{name}.jpg')
    # Last, so that a folder that was not finished has no lists.
    for split, indices in splits.items():
        text = ''.join(f'{frame_name(index)}\n' for index in indices)
        (out / f'{split}.txt').write_text(text, encoding='utf-8')
    counts = ', '.join(f'{len(i)} {s}' for s, i in splits.items())
    print(f'{len(frames)} frames written to {out} ({counts})')
    say_check(EXAMPLE, out, 'data/sunrgbd')


def frame_name(index: int) -> str:
    """Return the name of a frame: its number in the toolbox, from 1."""
    return f'{index + 1:05d}'


def check_images(images: Path, folder: str) -> None:
    """Raise ``FileNotFoundError`` where the frames are not below it."""
    if not (images / folder).is_dir():
        raise FileNotFoundError(
            f"'{images}' must hold the folders kv1, kv2, realsense and xtion "
            f"of SUNRGBD.zip, got no '{folder}'; give the folder SUNRGBD"
        )


def _not_labels(path: Path, count: int, found: Any) -> str:
    return (
        f"'{path}' must be a MATLAB v7.3 file with SUNRGBD2Dseg, one seglabel "
        f'for each of {count} frames, got {found}; download it again'
    )

"""Turn the official NYU Depth V2 into the folder of NYUv2Dataset.

nyu_depth_v2_labeled.mat (2.8 GB) and splits.mat come from the authors' page;
classMapping40.mat holds the map from the 894 labels to the 40 classes of
Gupta et al., CVPR 2013, as `mapClass`.

Example:
  mmseg-missing convert nyuv2 nyu_depth_v2_labeled.mat splits.mat \\
    classMapping40.mat --out data/nyuv2
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import h5py
import numpy as np
from mmengine.utils import track_iter_progress

from ..arguments import verb_parser
from .files import (
    check_is_file,
    load_mat,
    make_folders,
    mat_fields,
    say_check,
    write_image,
)

FIELDS = {'images': 'uint8', 'depths': 'float32', 'labels': 'uint16'}
LABELS = 894
FOLDERS = ('RGB', 'Depth', 'Label', 'Label13')
MM_PER_METRE = 1000
JPEG_QUALITY = 98

# Of void and each of the 40 classes. Source: Couprie et al., ICLR 2013, as
# published in class13Mapping.mat.
CLASS_OF_13 = (
    '0 12 5 6 1 4 9 10 12 13 6 8 6 13 10 6 13 6 7 7 5 7 3 2 6 11 7 7 7 7 7 7 '
    '6 7 7 7 7 7 7 6 7'
)
TO_13 = np.array(CLASS_OF_13.split(), np.uint8)
EXAMPLE = 'cmnext_mit-b2_1xb4-500e_nyuv2-40-rgbd-480x640'


def parser() -> argparse.ArgumentParser:
    """Return the parser of this converter."""
    parser = verb_parser('convert nyuv2', __doc__)
    parser.add_argument('labeled', help='nyu_depth_v2_labeled.mat')
    parser.add_argument('splits', help='splits.mat')
    parser.add_argument('mapping', help='classMapping40.mat')
    parser.add_argument(
        '--out', default='data/nyuv2', help='folder to write (%(default)s)'
    )
    return parser


def open_labeled(path: str) -> h5py.File:
    """Open the frames: (n, 3, w, h) images, (n, w, h) depths and labels.

    MATLAB's axes arrive reversed.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not the labelled data set.
    """
    check_is_file(path, 'check the arguments')
    try:
        file = h5py.File(path, 'r')
    except OSError as error:
        raise ValueError(_not_labeled(path, 'no HDF5 file')) from error
    arrays = {n: file.get(n) for n in FIELDS}
    found = {
        n: str(array.dtype)
        for n, array in arrays.items()
        if isinstance(array, h5py.Dataset)
    }
    shapes = [file[n].shape for n in found]
    if found != FIELDS:
        raise ValueError(_not_labeled(path, f'{found} of {list(file)}'))
    n, *size = shapes[1]
    if shapes != [(n, 3, *size), (n, *size), (n, *size)]:
        raise ValueError(_not_labeled(path, f'the shapes {shapes}'))
    return file


def read_splits(path: str, frames: int) -> dict[str, np.ndarray]:
    """Return the 1-based frame numbers of ``train`` and ``test``.

    Raises:
        ValueError: not the official splits, or for another number of frames.
    """
    content = load_mat(path, 'check the arguments')
    if not {'trainNdxs', 'testNdxs'} <= set(content):
        raise ValueError(
            f"'{path}' must hold trainNdxs and testNdxs, got "
            f'{mat_fields(content)}; give the official splits.mat'
        )
    splits = {s: content[f'{s}Ndxs'].ravel() for s in ('train', 'test')}
    if any(part.dtype.kind not in 'uif' for part in splits.values()):
        raise ValueError(
            f"'{path}' must hold frame numbers, got {mat_fields(content)} of "
            'another kind; give the official splits.mat'
        )
    numbers = np.sort(np.concatenate(list(splits.values())))
    if not np.array_equal(numbers, np.arange(1, frames + 1)):
        raise ValueError(
            f"'{path}' must name each of the {frames} frames once, got "
            f'{len(numbers)} numbers{_range(numbers)}; '
            'splits.mat and nyu_depth_v2_labeled.mat must belong together'
        )
    return splits


def read_mapping(path: str) -> np.ndarray:
    """Return (895,) uint8: the class 0..40 of each label, void first.

    Raises:
        ValueError: not the map from 894 labels to 40 classes.
    """
    content = load_mat(path, 'check the arguments')
    mapping = np.asarray(content.get('mapClass', [])).ravel()
    is_map = (
        mapping.dtype.kind in 'uif'
        and len(mapping) == LABELS
        and np.isin(mapping, range(1, 41)).all()
    )
    if not is_map:
        raise ValueError(
            f"'{path}' must hold `mapClass`, {LABELS} numbers from 1 to 40, "
            f'got {mat_fields(content)}; give the classMapping40.mat of the '
            '40-class task'
        )
    return np.concatenate([[0], mapping]).astype(np.uint8)


def convert_frame(
    file: h5py.File, index: int, mapping: np.ndarray
) -> dict[str, np.ndarray]:
    """Return one frame as arrays for cv2, by folder.

    ``RGB`` (h, w, 3) in BGR order, ``Depth`` (h, w) uint16 millimetres,
    ``Label`` and ``Label13`` (h, w) uint8, 0 = void.

    Raises:
        ValueError: labels or depth that the data set does not have.
    """
    image, depth_m, label = (file[name][index] for name in FIELDS)
    highest_m = np.iinfo(np.uint16).max / MM_PER_METRE
    if label.max() > LABELS or not (depth_m <= highest_m).all():
        raise ValueError(
            f"frame {index + 1} of '{file.filename}' must hold labels up to "
            f'{LABELS} and depth up to {highest_m:g} m, got {label.max()} and '
            f'{depth_m.max():g}; download it again'
        )
    label_40 = mapping[label.T]
    return {
        'RGB': np.ascontiguousarray(image.transpose(2, 1, 0)[..., ::-1]),
        'Depth': np.rint(depth_m.T * MM_PER_METRE).astype(np.uint16),
        'Label': label_40,
        'Label13': TO_13[label_40],
    }


def write_frame(arrays: dict[str, np.ndarray], out: Path, name: str) -> None:
    """Write one frame: RGB as jpg, all else as png."""
    for folder, array in arrays.items():
        is_rgb = folder == 'RGB'
        path = out / folder / (name + ('.jpg' if is_rgb else '.png'))
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if is_rgb else []
        write_image(path, array, *options)


def main(argv: Sequence[str] | None = None) -> None:
    """Convert, with counts."""
    args = parser().parse_args(argv)
    out = Path(args.out)
    with open_labeled(args.labeled) as file:
        frames = len(file['images'])
        splits = read_splits(args.splits, frames)
        mapping = read_mapping(args.mapping)
        make_folders(out, FOLDERS)
        for index in track_iter_progress(range(frames)):
            arrays = convert_frame(file, index, mapping)
            write_frame(arrays, out, f'{index + 1:04d}')
    # Last, so that a folder that was not finished has no lists.
    for split, numbers in splits.items():
        names = ''.join(f'{number:04d}\n' for number in np.sort(numbers))
        (out / f'{split}.txt').write_text(names, encoding='utf-8')
    counts = ', '.join(f'{len(n)} {s}' for s, n in splits.items())
    print(f'{frames} frames written to {out} ({counts})')
    say_check(EXAMPLE, out, 'data/nyuv2')


def _range(numbers: np.ndarray) -> str:
    if not len(numbers):
        return ''
    return f' from {numbers.min()} to {numbers.max()}'


def _not_labeled(path: str, found: str) -> str:
    return (
        f"'{path}' must be nyu_depth_v2_labeled.mat, a MATLAB v7.3 file with "
        f'{FIELDS}, got {found}; download it again'
    )

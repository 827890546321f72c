"""Segment frames, whose sensors may be missing.

Each modality of the network is an option of its name, with a file or a folder
of files, matched by their names. What is left out is absent, and so is a file
that one folder lacks. Written are class indices, and an overlay in colours.

Example:
  mmseg-missing predict NAME work_dirs/NAME/epoch_30.pth \\
    --adapter adapter.safetensors --rgb frame.png --out mask.png
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from mmengine.utils import track_iter_progress
from torch import nn

from ..apis.frames import FrameReader
from ..apis.inferencer import Inferencer
from ..apis.model import load_config
from ..datasets.classes import voc_palette
from ..evaluation import check_writable
from ..visualization.pictures import (
    colorize_label,
    colorize_modality,
    overlay,
    write_mask,
    write_picture,
)
from .arguments import (
    add_config,
    add_config_options,
    add_device,
    add_trust,
    verb_parser,
)
from .ending import say_next

# Files by modality.
Files = dict[str, Path]


def parser(modalities: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser of this verb, with an option per modality."""
    parser = verb_parser('predict', __doc__)
    add_config(parser)
    parser.add_argument('checkpoint', help='base, joined or folded checkpoint')
    for name in modalities or ('MODALITY',):
        parser.add_argument(
            f'--{name}',
            dest=f'files_{name}',
            metavar='PATH',
            help='a file or a folder; absent where left out',
        )
    parser.add_argument(
        '--adapter', nargs='+', metavar='FILE', help='adapter file'
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='PATH',
        help='the mask of one frame (.png), or a folder',
    )
    add_device(parser)
    add_config_options(parser)
    add_trust(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Segment."""
    argv = list(sys.argv[1:] if argv is None else argv)
    known = parser().parse_args(without_unknown(argv))
    cfg = load_config(known.config, known.cfg_options)
    reader = FrameReader(cfg)
    args = parser(reader.names).parse_args(argv)
    given = {
        name: Path(path)
        for name in reader.names
        if (path := getattr(args, f'files_{name}'))
    }
    frames = find_frames(given, reader.names)
    masks = mask_paths(Path(args.out), list(frames))
    segment = Inferencer(cfg, args.checkpoint, args.adapter, args.device)
    palette = palette_of(segment.model)
    for name in track_iter_progress(list(frames)):
        frame = reader(frames[name])
        mask = segment(frame)
        write_mask(masks[name], mask)
        colors = colorize_label(mask, palette)
        picture = overlay(picture_of(frame), colors)
        write_picture(overlay_path(masks[name]), picture)
    first = next(iter(masks.values()))
    more = ' and so on' if len(masks) > 1 else ''
    print(f'\n{told(frames)}: {first}, {overlay_path(first)}{more}')
    what_next(args, frames)


def without_unknown(argv: Sequence[str]) -> list[str]:
    """Leave out options that depend on the config, and their values."""
    options = parser()._option_string_actions
    kept, words = [], iter(argv)
    for word in words:
        name, is_joined, _ = word.partition('=')
        if not name.startswith('--') or name in options:
            kept.append(word)
        elif not is_joined:
            next(words, None)
    return kept


def find_frames(
    given: Mapping[str, Path], modalities: Sequence[str]
) -> dict[str, Files]:
    """Return the files of each frame, by its name.

    Raises:
        FileNotFoundError: a path that is not there, or an empty folder.
        ValueError: nothing given, or files and folders mixed.
    """
    if not given:
        options = ', '.join(f'--{name}' for name in modalities)
        raise ValueError(f'a frame needs one of {options}, got none')
    for path in given.values():
        if not path.exists():
            raise FileNotFoundError(f'no file or folder {str(path)!r}')
    kinds = {path.is_dir() for path in given.values()}
    if len(kinds) > 1:
        raise ValueError(
            'give a file for each modality or a folder for each, not both'
        )
    if kinds == {False}:
        return {next(iter(given.values())).stem: dict(given)}
    frames: dict[str, Files] = {}
    for modality, folder in given.items():
        files = sorted(f for f in folder.iterdir() if f.is_file())
        for file in files:
            if not file.name.startswith('.'):
                frames.setdefault(file.stem, {})[modality] = file
    if not frames:
        raise FileNotFoundError(f'no files in {str(folder)!r}')
    _check_names(frames, given)
    return dict(sorted(frames.items()))


def _check_names(frames: Mapping[str, Files], given: Mapping[str, Path]):
    """Refuse folders whose files have no name in common."""
    if len(given) > 1 and all(len(files) == 1 for files in frames.values()):
        first, *_ = frames
        raise ValueError(
            f'the folders {", ".join(map(str, given.values()))} have no file '
            f'name in common, such as {first!r}; frames are matched by their '
            'names without suffix'
        )


def mask_paths(out: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return where each mask goes.

    Raises:
        OSError: it cannot be written.
        ValueError: one file for several frames.
    """
    if out.suffix != '.png':
        check_writable(out)
        return {name: out / f'{name}.png' for name in names}
    if len(names) > 1:
        raise ValueError(
            f'--out {str(out)!r} is one file for {len(names)} frames; give a '
            'folder'
        )
    check_writable(out.parent)
    return {names[0]: out}


def overlay_path(mask: Path) -> Path:
    """Return where the overlay of a mask goes."""
    return mask.with_name(f'{mask.stem}_overlay.png')


def picture_of(frame: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return a picture of the modality that people see best."""
    colors = [array for array in frame.values() if array.shape[2] == 3]
    first = next(iter(frame.values()))
    return colorize_modality(colors[0] if colors else first)


def palette_of(model: nn.Module) -> Sequence[Sequence[int]]:
    """Return the colours of training, or others where it had none."""
    meta = model.dataset_meta or {}
    return meta.get('palette') or voc_palette(model.num_classes)


def told(frames: Mapping[str, Files]) -> str:
    """Say how many frames had what."""
    counts = Counter('+'.join(files) for files in frames.values())
    words = (f'{count} of {name}' for name, count in counts.most_common())
    noun = 'frame' if len(frames) == 1 else 'frames'
    return f'{len(frames)} {noun} ({", ".join(words)})'


def what_next(args: argparse.Namespace, frames: Mapping[str, Files]) -> None:
    """Print how it gets faster for one combination, or how good it is."""
    given = (args.config, args.checkpoint)
    files = ('--adapter', *args.adapter) if args.adapter else ()
    name, *others = {'+'.join(files) for files in frames.values()}
    if others or not files:
        why = 'how good it is with each combination'
        say_next('test', *given, *files, why=why)
        return
    out = Path(args.out).with_suffix('.pth')
    kept = ('--combination', name)
    why = f'faster where nothing but {name} is there'
    say_next('fold', *given, out, *files, *kept, why=why)

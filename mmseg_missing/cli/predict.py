"""Segment frames, whose sensors may be missing.

Each modality of the network is an option of its name, with a file, a folder
of files, matched by their names, or a video; or --manifest names a table.
What is left out is absent, and so is a file that one folder lacks. Written
are class indices, and an overlay in colours. A broken file is named and left
out; the exit status is 1 then.

Example:
  mmseg-missing predict NAME work_dirs/NAME/epoch_30.pth \\
    --adapter adapter.safetensors --rgb frame.png --out mask.png
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from mmengine.dist import (
    all_gather_object,
    get_dist_info,
    is_main_process,
)
from rich.progress import track
from torch import distributed

from ..apis.frames import FrameReader
from ..apis.inferencer import MultiModalInferencer
from ..apis.inputs import Frame, dropped, find_frames, frames_of
from ..apis.model import load_config
from ..apis.saving import is_saved, overlay_path, save
from ..evaluation import check_writable
from ..monitoring import POLICIES
from .arguments import (
    add_config,
    add_config_options,
    add_device,
    add_number,
    add_trust,
    verb_parser,
)
from .ending import printable, say_next

# Processes wait this long for the slowest one.
PATIENCE = timedelta(days=7)


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
            help='a file, folder or video; absent where left out',
        )
    parser.add_argument(
        '--manifest',
        metavar='FILE',
        help='a .csv or .json with a column of paths per modality',
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
    parser.add_argument(
        '--panel',
        action='store_true',
        help='also draw inputs, prediction, and that of the bare base',
    )
    parser.add_argument(
        '--drop',
        nargs='+',
        default=[],
        metavar='D',
        help='rehearse: depth, or depth@100-200 (frames, from 0)',
    )
    parser.add_argument(
        '--policy',
        default='trust',
        choices=list(POLICIES),
        help='what becomes of ill sensors; default: trust',
    )
    add_number(parser, '--batch-size', 1, 'frames at a time')
    parser.add_argument(
        '--resume',
        action='store_true',
        help='skip frames whose masks are there and whole',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch'],
        default='none',
        metavar='L',
        help='pytorch: torchrun spreads the frames over processes',
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
    names = FrameReader(cfg).names
    args = parser(names).parse_args(argv)
    frames = given_frames(args, names)
    masks = mask_paths(Path(args.out), [frame.name for frame in frames])
    start_processes(args.launcher)
    segment = MultiModalInferencer(
        cfg,
        args.checkpoint,
        args.adapter,
        args.device,
        policy=args.policy,
    )
    rank, processes = get_dist_info()
    mine = frames[rank::processes]
    if args.resume:
        mine = [f for f in mine if not is_saved(masks[f.name], args.panel)]
    failed = run(segment, mine, masks, args)
    of_all = all_gather_object((len(mine), failed))
    if is_main_process():
        done = sum(count for count, _ in of_all)
        failures = {k: v for _, each in of_all for k, v in each.items()}
        finish(args, frames, masks, done, failures)
    if any(each for _, each in of_all):
        sys.exit(1)


def given_frames(
    args: argparse.Namespace, names: Sequence[str]
) -> list[Frame]:
    """Return the frames that the arguments name.

    Raises:
        FileNotFoundError: what is not there.
        ValueError: nothing given, or what does not go together.
    """
    given = {
        name: Path(path)
        for name in names
        if (path := getattr(args, f'files_{name}'))
    }
    if args.manifest and given:
        raise ValueError('give --manifest or files of modalities, not both')
    if not args.manifest and not given:
        options = ', '.join(f'--{name}' for name in names)
        raise ValueError(
            f'a frame needs one of {options} or --manifest, got none'
        )
    found = (
        frames_of(args.manifest, names)
        if args.manifest
        else find_frames(given)
    )
    return dropped(found, args.drop, names)


def start_processes(launcher: str) -> None:
    """Let processes that torchrun started know each other.

    Raises:
        ValueError: it did not start this one.
    """
    if launcher == 'none':
        return
    if 'RANK' not in os.environ:
        raise ValueError(
            '--launcher pytorch needs torchrun: `torchrun --nproc_per_node=2 '
            '-m mmseg_missing predict ... --launcher pytorch`'
        )
    distributed.init_process_group('gloo', timeout=PATIENCE)


def run(
    segment: MultiModalInferencer,
    frames: Sequence[Frame],
    masks: Mapping[str, Path],
    args: argparse.Namespace,
) -> dict[str, str]:
    """Segment and write frames; return a sentence for each that failed."""
    failed = {}
    results = segment.results(list(frames), args.batch_size, args.panel)
    shown = track(
        results, 'frames', len(frames), disable=not is_main_process()
    )
    for result in shown if frames else ():
        if result.failure is None:
            save(masks[result.name], result, segment.palette, args.panel)
        else:
            failed[result.name] = result.error
    return failed


def finish(
    args: argparse.Namespace,
    frames: Sequence[Frame],
    masks: Mapping[str, Path],
    done: int,
    failed: Mapping[str, str],
) -> None:
    """Say what was written, what was not, and what to run next.

    Raises:
        ValueError: the only frame failed.
    """
    if len(frames) == 1 and failed:
        raise ValueError(failed[frames[0].name])
    for name, error in failed.items():
        print(f'left out {name}: {printable(error)}', file=sys.stderr)
    good = [frame for frame in frames if frame.name not in failed]
    skipped = len(frames) - done
    if skipped:
        print(f'{skipped} of {len(frames)} frames were there already')
    if good:
        first = masks[good[0].name]
        more = ' and so on' if len(good) > 1 else ''
        print(f'\n{told(good)}: {first}, {overlay_path(first)}{more}')
        what_next(args, good)


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


def told(frames: Sequence[Frame]) -> str:
    """Say how many frames had what."""
    counts = Counter(frame.combination for frame in frames)
    words = (f'{count} of {name}' for name, count in counts.most_common())
    noun = 'frame' if len(frames) == 1 else 'frames'
    return f'{len(frames)} {noun} ({", ".join(words)})'


def what_next(args: argparse.Namespace, frames: Sequence[Frame]) -> None:
    """Print how it gets faster for one combination, or how good it is."""
    given = (args.config, args.checkpoint)
    files = ('--adapter', *args.adapter) if args.adapter else ()
    name, *others = {frame.combination for frame in frames}
    if others or not files:
        why = 'how good it is with each combination'
        say_next('test', *given, *files, why=why)
        return
    out = Path(args.out).with_suffix('.pth')
    kept = ('--combination', name)
    why = f'faster where nothing but {name} is there'
    say_next('fold', *given, out, *files, *kept, why=why)
